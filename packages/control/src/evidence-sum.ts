import {
  CACHE_COUNTS,
  COMPARISON_OUTCOMES,
  FALLBACK_REASONS,
  type CacheCounts,
  type ChangeEvidence,
  type ComparisonCounts,
  type FallbackReason,
  type Percentiles,
  type QueryEdgeReport,
} from './report.js';

/** What all processes measured, per change and the stage that the calls ran at, oldest change first. */
export function sumEvidence(reports: readonly QueryEdgeReport[]): ChangeEvidence[] {
  const byChange = new Map<string, ChangeEvidence>();
  for (const evidence of reports.flatMap((report) => report.evidence)) {
    const key = `${evidence.change} ${evidence.changeId} ${evidence.stage}`;
    const sum = byChange.get(key);
    byChange.set(key, sum === undefined ? evidence : add(sum, evidence));
  }
  return [...byChange.values()].sort((a, b) => a.change - b.change);
}

/** What was measured under one change, at whichever stage; undefined: nothing. */
export function evidenceOf(
  reports: readonly QueryEdgeReport[],
  changeId: string,
): ChangeEvidence | undefined {
  const all = sumEvidence(reports).filter((each) => each.changeId === changeId);
  return all.length === 0 ? undefined : all.reduce(add);
}

function add(a: ChangeEvidence, b: ChangeEvidence): ChangeEvidence {
  return {
    ...a,
    calls: {
      ok: a.calls.ok + b.calls.ok,
      failed: a.calls.failed + b.calls.failed,
      byReplica: a.calls.byReplica + b.calls.byReplica,
    },
    latencyMs: worst(a.latencyMs, b.latencyMs),
    comparisons: addComparisons(a.comparisons, b.comparisons),
    ...probeSum(a.byProbe, b.byProbe),
    ...strataSum(a.strata, b.strata),
    keysCompared: Math.max(a.keysCompared ?? 0, b.keysCompared ?? 0),
    ...(a.readMs === undefined || b.readMs === undefined ? {} : { readMs: worst(a.readMs, b.readMs) }),
    lateMs: worst(a.lateMs, b.lateMs),
    fallbacks: addFallbacks(a.fallbacks, b.fallbacks),
    ...cacheSum(a.cache, b.cache),
    counterexamples: [...a.counterexamples, ...b.counterexamples].sort((x, y) => x.at.localeCompare(y.at)),
  };
}

/** Percentiles of several processes cannot be added: the worst process's stand for all. */
function worst(a: Percentiles, b: Percentiles): Percentiles {
  return {
    count: a.count + b.count,
    p50: Math.max(a.p50, b.p50),
    p99: Math.max(a.p99, b.p99),
    max: Math.max(a.max, b.max),
  };
}

export function noComparisons(): ComparisonCounts {
  return { equal: 0, late: 0, wrong: 0, missing: 0, extra: 0, oneSided: 0, unjudged: 0, shed: 0 };
}

function addComparisons(a: ComparisonCounts, b: ComparisonCounts): ComparisonCounts {
  const sum = noComparisons();
  for (const outcome of [...COMPARISON_OUTCOMES, 'shed'] as const) sum[outcome] = a[outcome] + b[outcome];
  return sum;
}

/** A process without probes counts none. */
function probeSum(
  a: ComparisonCounts | undefined,
  b: ComparisonCounts | undefined,
): { byProbe?: ComparisonCounts } {
  if (a === undefined && b === undefined) return {};
  return { byProbe: addComparisons(a ?? noComparisons(), b ?? noComparisons()) };
}

type StrataCounts = NonNullable<ChangeEvidence['strata']>;

function strataSum(a: StrataCounts | undefined, b: StrataCounts | undefined): { strata?: StrataCounts } {
  if (a === undefined && b === undefined) return {};
  const sum = new Map(Object.entries(a ?? {}));
  for (const [name, counts] of Object.entries(b ?? {}))
    sum.set(name, addComparisons(sum.get(name) ?? noComparisons(), counts));
  return { strata: Object.fromEntries(sum) };
}

export function noCacheCounts(): CacheCounts {
  return { hits: 0, misses: 0, shared: 0, refused: 0, tooLarge: 0, bypassed: 0, errors: 0 };
}

/** A process without a cache counts none. */
function cacheSum(a: CacheCounts | undefined, b: CacheCounts | undefined): { cache?: CacheCounts } {
  if (a === undefined && b === undefined) return {};
  const sum = noCacheCounts();
  for (const name of CACHE_COUNTS) sum[name] = (a?.[name] ?? 0) + (b?.[name] ?? 0);
  return { cache: sum };
}

export function noFallbacks(): Record<FallbackReason, number> {
  return { stale: 0, missing: 0, error: 0, timeout: 0, busy: 0, token: 0, epoch: 0 };
}

function addFallbacks(
  a: Record<FallbackReason, number>,
  b: Record<FallbackReason, number>,
): Record<FallbackReason, number> {
  const sum = noFallbacks();
  for (const reason of FALLBACK_REASONS) sum[reason] = a[reason] + b[reason];
  return sum;
}
