import type { Comparison, RebuildReport, RowDifference } from '@banyan/contracts';

/** Where a rebuild stands, in one line. */
export function rebuildStep({ replica, state, doing, lastError }: RebuildReport): string {
  const because = lastError === undefined ? '' : `  (${lastError})`;
  return `${replica}  ${state}${doing === undefined ? '' : `  ${doing}`}${because}`;
}

/** A rebuild with all that is known of it. */
export function rebuildLines(report: RebuildReport): string[] {
  const { comparison, state, old, oldDropped, replica } = report;
  const lines = [rebuildStep(report)];
  if (comparison !== undefined) lines.push(...comparisonLines(comparison));
  if (state === 'swapped')
    lines.push(oldDropped ? 'the old table was dropped' : `the old table is kept as ${old}`);
  if (state === 'ready')
    lines.push(`Nothing was changed for readers. Swap it in with: banyan rebuild ${replica} --yes`);
  return lines;
}

function comparisonLines(comparison: Comparison): string[] {
  const { live, copy, wrong, missing, extra, ranges, differences } = comparison;
  const different = ranges.filter((range) => range.live.digest !== range.copy.digest).length;
  const shown = differences.length < wrong + missing + extra ? [`the first ${differences.length}:`] : [];
  return [
    `live ${live} rows, copy ${copy}: ${wrong} wrong, ${missing} missing, ${extra} extra in the live one`,
    `${ranges.length - different} of ${ranges.length} key ranges have the same digest`,
    ...shown,
    ...differences.flatMap(differenceLines),
  ];
}

function differenceLines({ key, live, copy }: RowDifference): string[] {
  if (live === null) return [`  missing ${key}`, `    copy ${JSON.stringify(copy)}`];
  if (copy === null) return [`  extra ${key}`, `    live ${JSON.stringify(live)}`];
  return [`  wrong ${key}`, `    live ${JSON.stringify(live)}`, `    copy ${JSON.stringify(copy)}`];
}
