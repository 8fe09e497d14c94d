// A process with one edge that says when each change came in force. Forked by the case `flip`.
import { Reporter, stageReportOf, StageWatch } from '@banyan/control';
import { connect } from '@nats-io/transport-node';

/** What the child is told in its one argument, as JSON. */
export interface FlipChildConfig {
  natsUrl: string;
  stateDir: string;
  edge: string;
}

/** Told of each change. The clock is the machine's monotonic one, which all its processes share. */
export interface FlipSeen {
  changeId: string;
  atNs: string;
}

const { natsUrl, stateDir, edge } = JSON.parse(process.argv[2] ?? '{}') as FlipChildConfig;
const connection = await connect({ servers: natsUrl });
const watch = new StageWatch({ connection, stateDir });
const stage = watch.edge({ edge, stages: ['call', 'shadow'] });
// Called with the stage already in force: the next call obeys it.
stage.onChange(({ changeId }) => {
  const seen: FlipSeen = { changeId, atNs: String(process.hrtime.bigint()) };
  process.send?.(seen);
});
const freshness = { asOfMs: null, stalenessMs: null, budgetMs: 0, fresh: false };
const edges = [{ report: () => ({ ...stageReportOf(stage), freshness, evidence: [] }) }];
watch.onFollowing((following) => {
  if (following) process.send?.('following');
});
await new Reporter({ connection, service: 'bench', edges }).start();
watch.start();
process.on('disconnect', () => process.exit(0));
