export { banyanProvider, type BanyanProvider, type BanyanProviderOptions } from './banyan-provider.js';
