import type { Finding } from '../gate-verdict.js';
import type { ComparisonCounts } from '../report.js';
import { SequentialTest, type ParityCounts, type ParityTarget } from './sequential-test.js';

const DISAGREEMENTS = ['wrong', 'missing', 'extra', 'oneSided'] as const;

/** A replica that was late, but in time, agrees; what could not be judged, or was shed, speaks for neither. */
export function parityCountsOf(counts: ComparisonCounts): ParityCounts {
  const disagreed = DISAGREEMENTS.reduce((sum, outcome) => sum + counts[outcome], 0);
  return { agreed: counts.equal + counts.late, disagreed };
}

/** What the comparisons of one edge, or one stratum of it, say; see `SequentialTest`. */
export function parityFindings(
  counts: ComparisonCounts,
  target: ParityTarget,
  byProbe?: ComparisonCounts,
): Finding[] {
  const judged = parityCountsOf(counts);
  const { outcome, needed, upperBound } = new SequentialTest(target).judge(judged);
  const seen = `${judged.disagreed} of ${judged.agreed + judged.disagreed} comparisons disagree${parts(counts)}${probes(byProbe)}`;
  const asked = `at most ${percentText(target.maxDisagreement)} may, with ${percentText(target.confidence)} confidence`;
  const rest: Record<typeof outcome, string> = {
    pass: `that is at most ${percentText(upperBound)} in all`,
    fail: 'the true share is above that: find the cause; the next change counts anew',
    'not-enough': `${needed} more have to agree`,
  };
  return [[outcome, `${seen}; ${asked}; ${rest[outcome]}`], ...blindSpots(counts, judged)];
}

/** What nobody but a probe asked for is not what callers ask for. */
function probes(byProbe: ComparisonCounts | undefined): string {
  if (byProbe === undefined) return '';
  const { agreed, disagreed } = parityCountsOf(byProbe);
  return agreed + disagreed === 0 ? '' : `, ${agreed + disagreed} of them by probes`;
}

function parts(counts: ComparisonCounts): string {
  const named = DISAGREEMENTS.flatMap((outcome) =>
    counts[outcome] === 0 ? [] : [`${counts[outcome]} ${WORDS[outcome]}`],
  );
  return named.length === 0 ? '' : ` (${named.join(', ')})`;
}

const WORDS = { wrong: 'wrong', missing: 'missing', extra: 'extra', oneSided: 'one-sided' };

/** The comparisons that were made stand for the others only if they are most of them. */
function blindSpots({ unjudged, shed }: ComparisonCounts, { agreed, disagreed }: ParityCounts): Finding[] {
  const made = agreed + disagreed;
  if (unjudged + shed <= made) return [];
  return [
    [
      'not-enough',
      `${unjudged} comparisons could not be judged and ${shed} were shed, more than the ${made} that were judged`,
    ],
  ];
}

/** `0.001` as `0.1 %`. */
const percentText = (share: number): string => `${Number((share * 100).toPrecision(3))} %`;
