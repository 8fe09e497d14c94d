import type { ChangeEvidence, QueryOverview } from '../wire.js';

const NO_TIMES = { count: 0, p50: 0, p99: 0, max: 0 };

/** What tests say of a query edge: as much as they care about, on an edge that was never moved. */
export function queryEdge(given: Partial<QueryOverview> = {}): QueryOverview {
  return {
    edge: 'tasks -> projects.GetProject',
    kind: 'query',
    stage: 'call',
    ramp: null,
    change: 0,
    changeId: '',
    since: null,
    by: null,
    why: null,
    ladder: ['call', 'shadow', 'prefer-replica', 'replica'],
    rampBy: null,
    processes: [],
    next: null,
    evidence: [],
    bypasses: { repaired: 0, missed: 0 },
    freshness: null,
    subscriber: null,
    ...given,
  };
}

/** What was measured under a change; of what is not said there is none. */
export function evidence(given: Partial<ChangeEvidence> = {}): ChangeEvidence {
  return {
    change: 0,
    changeId: '',
    stage: 'call',
    calls: { ok: 0, failed: 0, byReplica: 0 },
    latencyMs: NO_TIMES,
    lateMs: NO_TIMES,
    comparisons: noComparisons(),
    fallbacks: { stale: 0, missing: 0, error: 0, timeout: 0, busy: 0, token: 0, epoch: 0 },
    counterexamples: [],
    ...given,
  };
}

export function noComparisons(): ChangeEvidence['comparisons'] {
  return { equal: 0, late: 0, wrong: 0, missing: 0, extra: 0, oneSided: 0, unjudged: 0, shed: 0 };
}
