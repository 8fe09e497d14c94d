// The code of docs/flags.md: `npm run docs` copies the regions into the page.
import { StageWatch, type Connection } from '@banyan/control';
import { banyanProvider, fromOpenFeature, type OpenFeatureStages } from '@banyan/control/openfeature';
import { OpenFeature, ProviderEvents, type Client, type Provider } from '@openfeature/server-sdk';

export async function serve(connection: Connection, stateDir: string): Promise<StageWatch> {
  // #region provider
  // A process with an EdgeProcess has one already: edges.stages.
  const stages = new StageWatch({ connection, stateDir });
  stages.start();
  stages.edge({
    edge: 'tasks -> projects.GetProject',
    stages: ['call', 'shadow', 'replica'],
    rampBy: 'project',
  });
  await OpenFeature.setProviderAndWait(banyanProvider({ stages }));
  // #endregion
  return stages;
}

export async function notify(
  projectId: string,
  ways: { mail: () => void; event: () => void },
): Promise<void> {
  // #region toggle
  const flags = OpenFeature.getClient();
  const byEvent = await flags.getBooleanValue('mails.by-event', false, { targetingKey: projectId });
  if (byEvent) ways.event();
  else ways.mail();
  // #endregion
}

export async function stageOf(projectId: string): Promise<string> {
  // #region edge
  const flags = OpenFeature.getClient();
  return flags.getStringValue('tasks -> projects.GetProject', 'call', { targetingKey: projectId });
  // #endregion
}

export function onChanges(tell: (flags: readonly string[]) => void): void {
  // #region changes
  OpenFeature.getClient().addHandler(ProviderEvents.ConfigurationChanged, (details) => {
    tell(details?.flagsChanged ?? []);
  });
  // #endregion
}

export async function follow(other: Provider, stateDir: string): Promise<OpenFeatureStages> {
  // #region other
  await OpenFeature.setProviderAndWait('stages', other);
  const client: Client = OpenFeature.getClient('stages');
  const stages = fromOpenFeature(client, { stateDir });
  stages.start();
  // Then: queryEdge({ …, stages }), or edges.query({ …, stages }) on an EdgeProcess.
  // #endregion
  return stages;
}
