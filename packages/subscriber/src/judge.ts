import type { IncomingEvent } from './incoming-event.js';

/** Where a subscriber stands in one partition. Epoch 0: nothing applied yet. */
export interface StoredPosition {
  epoch: number;
  n: number;
}

/**
 * What an event is to a subscriber that stands somewhere in its partition:
 * - `next`: it follows; apply it
 * - `duplicate`: applied before; skip it
 * - `gap`: something between is missing; never step over it
 * - `other-history`: it belongs to a history that is not the one applied so far; stop
 */
export type Verdict = 'next' | 'duplicate' | 'gap' | 'other-history';

export function judge(stored: StoredPosition, event: Pick<IncomingEvent, 'epoch' | 'n' | 'prevN'>): Verdict {
  const begins = stored.epoch === 0;
  if (!begins && event.epoch !== stored.epoch) return 'other-history';
  if (!begins && event.n <= stored.n) return 'duplicate';
  if (event.prevN === stored.n) return 'next';
  return event.prevN > stored.n ? 'gap' : 'other-history';
}
