import type { BackfillReport } from './backfill.js';
import type { SubscribedSource } from './subscriber-report.js';

/** Whether a subscriber that stands at these positions has applied all of a backfill that is done and in the stream. */
export function hasApplied(
  { end }: Pick<BackfillReport, 'end'>,
  sources: readonly SubscribedSource[],
): boolean {
  if (end === undefined) return false;
  return end.every(({ source, epoch, heads }) => {
    const positions = sources.find((each) => each.source === source)?.positions ?? [];
    return heads.every((head, partition) => {
      const at = positions[partition];
      return head === 0 || (at !== undefined && (at.epoch > epoch || (at.epoch === epoch && at.n >= head)));
    });
  });
}
