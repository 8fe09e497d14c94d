import type { Finding } from '../gate-verdict.js';
import { noComparisons } from '../evidence-sum.js';
import type { ChangeEvidence, ComparisonCounts, QueryEdgeReport } from '../report.js';
import { parityFindings } from './parity-findings.js';
import type { ParityTarget } from './sequential-test.js';

/**
 * What each stratum says for itself: each that was compared, and each that is declared, compared or not. An edge passes only
 * if all of them do, so that asking many does not raise the probability that it passes wrongly.
 */
export function strataFindings(
  reports: readonly QueryEdgeReport[],
  measured: ChangeEvidence | undefined,
  target: ParityTarget,
): Finding[] {
  return [...strataCounts(reports, measured)].flatMap(([name, found]) =>
    parityFindings(found, target).map(([outcome, reason]): Finding => [outcome, `${name}: ${reason}`]),
  );
}

/** The strata that were compared, and those that are declared. */
export function strataCounts(
  reports: readonly QueryEdgeReport[],
  measured: ChangeEvidence | undefined,
): Map<string, ComparisonCounts> {
  const counts = new Map(Object.entries(measured?.strata ?? {}));
  for (const name of reports.flatMap(({ strata }) => strata ?? [])) {
    if (!counts.has(name)) counts.set(name, noComparisons());
  }
  return counts;
}
