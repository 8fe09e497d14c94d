import {
  collectReports,
  overviewsOf,
  type ChangeEvidence,
  type EdgeOverview,
  type QueryOverview,
  type ReactionOverview,
} from '@banyan/control';
import type { NatsConnection } from '@nats-io/transport-node';

/** What the processes say of all edges. */
export async function readEdges(nats: NatsConnection): Promise<EdgeOverview[]> {
  return overviewsOf({ records: [], reports: await collectReports(nats, { waitMs: 500 }) });
}

/** What a query edge's callers saw at one stage. */
export interface CallFigures {
  calls: number;
  /** Ended with a status other than OK, refusals of the business included. */
  failed: number;
  byReplica: number;
  p50Ms: number;
  p99Ms: number;
}

export interface QueryFigures {
  edge: string;
  stage: string;
  /** The last change: at the end of the migration the replica answers. */
  now: CallFigures;
  /** Of all changes that the processes remember. */
  equal: number;
  late: number;
  /** Missing, extra and one-sided answers too: nothing but in-time lateness is forgiven. */
  wrong: number;
  unjudged: number;
}

export interface ReactionFigures {
  edge: string;
  stage: string;
  byCall: number;
  byEvent: number;
  /** Came second, and were answered with what had been recorded. */
  repeated: number;
}

export function callFigures({ calls, latencyMs }: ChangeEvidence): CallFigures {
  const { ok, failed, byReplica } = calls;
  return { calls: ok + failed, failed, byReplica, p50Ms: latencyMs.p50, p99Ms: latencyMs.p99 };
}

/** Undefined: the edge has not been called yet. */
export function queryFigures({ edge, stage, evidence }: QueryOverview): QueryFigures | undefined {
  const last = evidence.at(-1);
  if (last === undefined) return undefined;
  const sums = { equal: 0, late: 0, wrong: 0, unjudged: 0 };
  for (const { comparisons } of evidence) {
    const { equal, late, wrong, missing, extra, oneSided, unjudged } = comparisons;
    sums.equal += equal;
    sums.late += late;
    sums.wrong += wrong + missing + extra + oneSided;
    sums.unjudged += unjudged;
  }
  return { edge, stage, now: callFigures(last), ...sums };
}

export function reactionFigures({ edge, stage, evidence }: ReactionOverview): ReactionFigures {
  const sums = { byCall: 0, byEvent: 0, repeated: 0 };
  for (const { counts } of evidence) {
    sums.byCall += counts.byCall;
    sums.byEvent += counts.byEvent;
    sums.repeated += counts.repeatedCalls + counts.repeatedEvents;
  }
  return { edge, stage, ...sums };
}
