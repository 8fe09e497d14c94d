import type { IncomingEvent } from './incoming-event.js';

/** Where a subscriber stands in one partition. Epoch 0: nothing applied yet. */
export interface StoredPosition {
  epoch: number;
  n: number;
}

/**
 * What an event is to a subscriber that stands somewhere in its partition:
 * - `next`: it follows; apply it
 * - `duplicate`: applied before, or of a history that was left behind; skip it
 * - `gap`: something between is missing; never step over it
 * - `other-history`: it belongs to a history that is not the one applied so far; stop
 */
export type Verdict = 'next' | 'duplicate' | 'gap' | 'other-history';

/** @param acceptsEpoch a later history that an operator has accepted; its first event follows whatever came before */
export function judge(
  stored: StoredPosition,
  event: Pick<IncomingEvent, 'epoch' | 'n' | 'prevN'>,
  acceptsEpoch?: number,
): Verdict {
  const goesOver = event.epoch === acceptsEpoch && stored.epoch < acceptsEpoch;
  const at = goesOver ? { epoch: acceptsEpoch, n: 0 } : stored;
  const begins = at.epoch === 0;
  if (event.epoch < at.epoch) return 'duplicate';
  if (!begins && event.epoch !== at.epoch) return 'other-history';
  if (!begins && event.n <= at.n) return 'duplicate';
  if (event.prevN === at.n) return 'next';
  return event.prevN > at.n ? 'gap' : 'other-history';
}
