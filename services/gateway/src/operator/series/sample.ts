import {
  FALLBACK_REASONS,
  sumEvidence,
  type ChangeEvidence,
  type ProcessReport,
  type QueryEdgeReport,
  type ReactionEdgeReport,
} from '@banyan/control';
import type { Series } from '../wire.js';

/** The columns of a series besides its times. */
export const COLUMNS = [
  'callRate',
  'errorRate',
  'replicaErrorRate',
  'callP50',
  'callP99',
  'replicaP50',
  'replicaP99',
  'stalenessMs',
  'fallbackRate',
] as const satisfies readonly Exclude<keyof Series, 'at'>[];

export type Sample = Partial<Record<(typeof COLUMNS)[number], number | null>>;

/** What an edge has counted, in one process, under one change. They only grow, until the process ends. */
export interface Counted {
  calls: number;
  failed: number;
  fallbacks: number;
  replicaErrors: number;
}

/** All edges' counts: by edge, then by process and change. */
export type CountsByEdge = Map<string, Map<string, Counted>>;

export function countsOf(reports: readonly ProcessReport[]): CountsByEdge {
  const counts: CountsByEdge = new Map();
  for (const { instance, edges } of reports) {
    for (const report of edges) {
      const own = counts.get(report.edge) ?? new Map<string, Counted>();
      counts.set(report.edge, own);
      for (const [under, counted] of countedIn(report)) own.set(`${instance} ${under}`, counted);
    }
  }
  return counts;
}

function countedIn(report: QueryEdgeReport | ReactionEdgeReport): [under: string, Counted][] {
  if (report.kind === 'query')
    return report.evidence.map((each) => [`${each.changeId} ${each.stage}`, ofQuery(each)]);
  if (report.side === 'receiver') return [];
  return report.evidence.map(({ changeId, calls: { ok, failed } }) => [
    changeId,
    { calls: ok + failed, failed, fallbacks: 0, replicaErrors: 0 },
  ]);
}

function ofQuery({ calls: { ok, failed }, fallbacks }: ChangeEvidence): Counted {
  const all = FALLBACK_REASONS.reduce((sum, reason) => sum + fallbacks[reason], 0);
  const replicaErrors = fallbacks.error + fallbacks.timeout;
  return { calls: ok + failed, failed, fallbacks: all, replicaErrors };
}

/** How much was counted since; of a process that was not there before nothing is known. */
export function growth(now: Map<string, Counted>, before: Map<string, Counted>): Counted {
  const sum = { calls: 0, failed: 0, fallbacks: 0, replicaErrors: 0 };
  const knew = new Set([...before.keys()].map(instanceIn));
  for (const [key, counted] of now) {
    if (!knew.has(instanceIn(key))) continue;
    const earlier = before.get(key);
    for (const name of COUNTED) sum[name] += Math.max(0, counted[name] - (earlier?.[name] ?? 0));
  }
  return sum;
}

const COUNTED = ['calls', 'failed', 'fallbacks', 'replicaErrors'] as const;

const instanceIn = (key: string): string => key.slice(0, key.indexOf(' '));

/** What is no count: how long calls and reads take since the last change, and how old the replica is. */
export function gaugesOf(edge: string, reports: readonly ProcessReport[]): Sample {
  const own = reports.flatMap(({ edges }) => edges.filter((each) => each.edge === edge));
  const queries = own.filter((each) => each.kind === 'query');
  const receivers = own.filter((each) => each.kind === 'reaction' && each.side === 'receiver');
  const last = sumEvidence(queries).at(-1);
  const ages = [
    ...queries.map(({ freshness }) => freshness.stalenessMs),
    ...receivers.map((each) => ('reading' in each ? (each.reading?.stalenessMs ?? null) : null)),
  ];
  return {
    ...(last === undefined || last.latencyMs.count === 0
      ? {}
      : { callP50: last.latencyMs.p50, callP99: last.latencyMs.p99 }),
    ...(last?.readMs === undefined || last.readMs.count === 0
      ? {}
      : { replicaP50: last.readMs.p50, replicaP99: last.readMs.p99 }),
    stalenessMs: oldest(ages),
  };
}

function oldest(ages: readonly (number | null)[]): number | null {
  const known = ages.filter((age) => age !== null);
  return known.length === 0 || known.length < ages.length ? null : Math.max(...known);
}
