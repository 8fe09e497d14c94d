import {
  QUERY_LADDER,
  REACTION_LADDER,
  Reporter,
  stageReportOf,
  StageWatch,
  type RunningStage,
} from '@banyan/control';
import { connect } from '@nats-io/transport-node';

/** What the child is told in its one argument, as JSON. */
export interface StageChildConfig {
  natsUrl: string;
  stateDir: string;
  queries: readonly string[];
  reactions: readonly string[];
}

/** What the child says when asked: each stage that it has run an edge at, in order, since it started. */
export interface StagesRun {
  edge: string;
  /** As `replica`, or `prefer-replica 25 %`. */
  stages: string[];
  origin: RunningStage['origin'];
}

/** A process with edges and nothing else, for tests that start it while the broker is away. */
function run({ natsUrl, stateDir, queries, reactions }: StageChildConfig): void {
  const connection = connect({
    ...{ servers: natsUrl, waitOnFirstConnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 100 },
  });
  const watch = new StageWatch({ connection, stateDir, checkEveryMs: 100 });
  const asked = queries.map((edge) => watch.edge({ edge, stages: QUERY_LADDER }));
  const told = reactions.map((edge) => watch.edge({ edge, kind: 'reaction', stages: REACTION_LADDER }));
  const seen = [...asked, ...told].map((stage) => {
    const stages = [textOf(stage.running)];
    stage.onChange(() => void stages.push(textOf(stage.running)));
    return (): StagesRun => ({ edge: stage.name.text, stages, origin: stage.running.origin });
  });
  watch.start();
  const freshness = { asOfMs: null, stalenessMs: null, budgetMs: 0, fresh: false };
  const edges = [
    ...asked.map((stage) => ({ report: () => ({ ...stageReportOf(stage), freshness, evidence: [] }) })),
    ...told.map((stage) => {
      return { report: () => ({ ...stageReportOf(stage), side: 'caller' as const, evidence: [] }) };
    }),
  ];
  void new Reporter({ connection, service: 'tasks', edges }).start();
  process.on('message', () => process.send?.(seen.map((tell) => tell())));
  process.on('disconnect', () => process.exit(0));
  process.send?.('ready');
}

function textOf({ stage, ramp }: RunningStage): string {
  return ramp === undefined ? stage : `${stage} ${ramp.share} %`;
}

run(JSON.parse(process.argv[2] ?? '{}') as StageChildConfig);
