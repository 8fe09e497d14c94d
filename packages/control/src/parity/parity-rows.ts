import { evidenceOf, noComparisons } from '../evidence-sum.js';
import { resolveGateOptions, type GateOptions } from '../gate-options.js';
import type { GateVerdict } from '../gate-verdict.js';
import type { ComparisonCounts, QueryEdgeReport } from '../report.js';
import { parityCountsOf } from './parity-findings.js';
import { SequentialTest, type ParityTarget } from './sequential-test.js';
import { strataCounts } from './strata-findings.js';

/** What the gate of a query edge counts of one stratum, or of all, and how much it lacks. */
export interface ParityRow extends ParityTarget {
  /** Null: all of them. */
  stratum: string | null;
  agreed: number;
  disagreed: number;
  unjudged: number;
  /** Not made, because the queue was full. */
  shed: number;
  outcome: GateVerdict['outcome'];
  /** How many more have to agree, none disagreeing; 0 unless it is not enough. */
  needed: number;
  /** Above this the true share of disagreements is not, with the confidence asked for. From 0 to 1. */
  upperBound: number;
}

/** The comparisons under one change as the gate counts them: all first, then each stratum. */
export function parityRows(
  reports: readonly QueryEdgeReport[],
  changeId: string,
  options: GateOptions = {},
): ParityRow[] {
  const { maxDisagreement, confidence } = resolveGateOptions(options);
  const target = { maxDisagreement, confidence };
  const measured = evidenceOf(reports, changeId);
  const strata = [...strataCounts(reports, measured)].map(([name, counts]) => rowOf(name, counts, target));
  return [rowOf(null, measured?.comparisons ?? noComparisons(), target), ...strata];
}

function rowOf(stratum: string | null, counts: ComparisonCounts, target: ParityTarget): ParityRow {
  const { unjudged, shed } = counts;
  const judged = parityCountsOf(counts);
  const { outcome, needed, upperBound } = new SequentialTest(target).judge(judged);
  return { stratum, ...judged, unjudged, shed, outcome, needed, upperBound, ...target };
}
