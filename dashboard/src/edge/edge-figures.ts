import type { ChangeEvidence, ComparisonCounts, QueryOverview } from '../wire.js';

/** What was measured under the last change, at the stage itself and, of a ramp, at the stage that the other keys run. */
export const currentEvidence = ({ evidence, changeId }: QueryOverview): ChangeEvidence[] =>
  evidence.filter((each) => each.changeId === changeId);

/** How comparisons ended, in the order in which they are told: those that agree, those that do not, those that say nothing. */
export const OUTCOMES = [
  ['equal', 'agrees', 'good'],
  ['late', 'late, in time', 'good'],
  ['wrong', 'wrong', 'bad'],
  ['missing', 'missing', 'bad'],
  ['extra', 'extra', 'bad'],
  ['oneSided', 'one-sided', 'bad'],
  ['unjudged', 'unjudged', 'neutral'],
  ['shed', 'shed', 'neutral'],
] as const satisfies readonly (readonly [keyof ComparisonCounts, string, 'good' | 'bad' | 'neutral'])[];

/** Both stages of a ramp together. */
export function comparisonsOf(edge: QueryOverview): ComparisonCounts {
  return sumCounts(currentEvidence(edge).map(({ comparisons }) => comparisons));
}

/** How many of those comparisons nobody but a probe asked for. */
export const probesOf = (edge: QueryOverview): number =>
  totalOf(sumCounts(currentEvidence(edge).flatMap(({ byProbe }) => byProbe ?? [])));

/** By stratum, by name. */
export function strataOf(edge: QueryOverview): [stratum: string, counts: ComparisonCounts][] {
  const all = currentEvidence(edge).flatMap(({ strata }) => Object.entries(strata ?? {}));
  const names = [...new Set(all.map(([name]) => name))].sort();
  return names.map((name) => [
    name,
    sumCounts(all.filter(([each]) => each === name).map(([, counts]) => counts)),
  ]);
}

function sumCounts(all: readonly ComparisonCounts[]): ComparisonCounts {
  const sum = { equal: 0, late: 0, wrong: 0, missing: 0, extra: 0, oneSided: 0, unjudged: 0, shed: 0 };
  for (const counts of all) for (const [outcome] of OUTCOMES) sum[outcome] += counts[outcome];
  return sum;
}

export const totalOf = (counts: ComparisonCounts): number =>
  OUTCOMES.reduce((sum, [outcome]) => sum + counts[outcome], 0);

const FALLBACK_MEANING = {
  stale: 'over its staleness budget',
  missing: 'had nothing of the kind',
  error: 'its read failed',
  timeout: 'its read took too long',
  busy: 'had too many reads at once',
  token: 'the caller had seen something newer',
  epoch: 'the caller had seen a later history of the source',
} as const satisfies Record<keyof ChangeEvidence['fallbacks'], string>;

export interface Fallback {
  reason: string;
  meaning: string;
  calls: number;
}

/** Why the replica did not answer, the most frequent first; nothing where it always did. */
export function fallbacksOf(edge: QueryOverview): Fallback[] {
  const reasons = Object.entries(FALLBACK_MEANING) as [keyof typeof FALLBACK_MEANING, string][];
  return reasons
    .map(([reason, meaning]) => {
      const calls = currentEvidence(edge).reduce((sum, { fallbacks }) => sum + fallbacks[reason], 0);
      return { reason, meaning, calls };
    })
    .filter(({ calls }) => calls > 0)
    .sort((a, b) => b.calls - a.calls);
}
