import { collectReports, overviewsOf, type ChangeEvidence } from '@banyan/control';
import type { NatsConnection } from '@nats-io/transport-node';

/** What the edge's processes have measured, per change of its stage, oldest first. */
export async function readEvidence(nats: NatsConnection, edge: string): Promise<ChangeEvidence[]> {
  const reports = await collectReports(nats, { waitMs: 500 });
  const found = overviewsOf([], reports).find((each) => each.edge === edge);
  return found?.kind === 'query' ? found.evidence : [];
}

export interface StageFigures {
  stage: string;
  calls: number;
  failed: number;
  byReplica: number;
  p50Ms: number;
  p99Ms: number;
  equal: number;
  late: number;
  wrong: number;
  unjudged: number;
}

/** One line a stage. Missing, extra and one-sided answers count as wrong: nothing but in-time lateness is forgiven. */
export function figuresOf({ stage, calls, latencyMs, comparisons }: ChangeEvidence): StageFigures {
  const { equal, late, wrong, missing, extra, oneSided, unjudged } = comparisons;
  return {
    stage,
    calls: calls.ok + calls.failed,
    failed: calls.failed,
    byReplica: calls.byReplica,
    p50Ms: latencyMs.p50,
    p99Ms: latencyMs.p99,
    equal,
    late,
    wrong: wrong + missing + extra + oneSided,
    unjudged,
  };
}
