export {
  fromOpenFeature,
  type OpenFeatureStages,
  type OpenFeatureStagesOptions,
  type StageClient,
} from './from-open-feature.js';
export { banyanProvider, type BanyanProvider, type BanyanProviderOptions } from './banyan-provider.js';
