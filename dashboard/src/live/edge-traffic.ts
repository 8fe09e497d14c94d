import type { EdgeOverview } from '../wire.js';

/** What an edge has carried, counted up by its processes under each change. */
export interface EdgeCounts {
  /** Calls of a query edge; effects done, of a reaction edge. */
  done: number;
  failed: number;
  /** How many the replica answered, or events did. */
  byEvents: number;
}

/** What an edge carries now. */
export interface EdgeTraffic {
  /** Calls, or effects, per second. */
  perSecond: number;
  /** Of those, from 0 to 1; null: there were none. */
  failedShare: number | null;
  byEventsShare: number | null;
}

export type CountsByChange = ReadonlyMap<string, EdgeCounts>;

/** The counts of an edge by change and stage. */
export function countsOf(edge: EdgeOverview): CountsByChange {
  if (edge.kind === 'query') {
    return new Map(
      edge.evidence.map(({ changeId, stage, calls }) => {
        const counts = { done: calls.ok + calls.failed, failed: calls.failed, byEvents: calls.byReplica };
        return [`${changeId} ${stage}`, counts];
      }),
    );
  }
  return new Map(
    edge.evidence.map(({ changeId, stage, calls, counts: { byCall, byEvent } }) => {
      const counts = { done: byCall + byEvent, failed: calls.failed, byEvents: byEvent };
      return [`${changeId} ${stage}`, counts];
    }),
  );
}

/**
 * What came in between. Counts go down when a process goes, or forgets an old change: what went down says nothing and is
 * left out.
 */
export function countsBetween(before: CountsByChange, after: CountsByChange): EdgeCounts {
  const sum = { done: 0, failed: 0, byEvents: 0 };
  for (const [change, { done, failed, byEvents }] of after) {
    const earlier = before.get(change) ?? { done: 0, failed: 0, byEvents: 0 };
    if (done < earlier.done) continue;
    sum.done += done - earlier.done;
    sum.failed += Math.max(0, failed - earlier.failed);
    sum.byEvents += Math.max(0, byEvents - earlier.byEvents);
  }
  return sum;
}

export function trafficOf({ done, failed, byEvents }: EdgeCounts, elapsedMs: number): EdgeTraffic {
  const share = (part: number): number | null => (done === 0 ? null : Math.min(1, part / done));
  const perSecond = elapsedMs <= 0 ? 0 : (done * 1_000) / elapsedMs;
  return { perSecond, failedShare: share(failed), byEventsShare: share(byEvents) };
}
