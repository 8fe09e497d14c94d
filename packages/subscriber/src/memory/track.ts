import { PARTITIONS } from '@banyan/contracts';
import { errorOf } from '../gaps/partition-repair.js';
import type { IncomingEvent } from '../incoming-event.js';
import { judge, type StoredPosition } from '../judge.js';

/** How far a reader of a source has come, and what follows. */
export interface Track {
  /** Index is the partition. */
  readonly positions: readonly StoredPosition[];
  /** Goes on to an event. False: it was there before. @throws BanyanError BANYAN_GAP, BANYAN_OTHER_HISTORY */
  take: (event: IncomingEvent) => boolean;
}

/** Follows each partition by itself: for a reader that knows where each stands. */
export class PartitionTrack implements Track {
  readonly positions: StoredPosition[];

  constructor(positions: readonly StoredPosition[] = []) {
    this.positions = Array.from({ length: PARTITIONS }, (_, p) => positions[p] ?? { epoch: 0, n: 0 });
  }

  take(event: IncomingEvent): boolean {
    const stored = this.positions[event.partition] ?? { epoch: 0, n: 0 };
    const verdict = judge(stored, event);
    if (verdict === 'duplicate') return false;
    if (verdict !== 'next') throw errorOf({ event, stored, verdict });
    this.positions[event.partition] = { epoch: event.epoch, n: event.n };
    return true;
  }
}

/**
 * Follows the source as a whole, for a reader that begins in the middle of its stream: positions are dense over all
 * partitions, and the stream has them in order.
 */
export class WholeTrack implements Track {
  readonly positions: StoredPosition[];
  #at: StoredPosition | undefined;

  /** @param at the position of the last event before; undefined: the stream held none, so any may be the first */
  constructor(at: StoredPosition | undefined) {
    this.#at = at;
    this.positions = new Array<StoredPosition>(PARTITIONS).fill(at ?? { epoch: 0, n: 0 });
  }

  take(event: IncomingEvent): boolean {
    const { epoch, n } = event;
    if (this.#at !== undefined && !this.#follows(event, this.#at)) return false;
    this.#at = { epoch, n };
    this.positions[event.partition] = this.#at;
    return true;
  }

  #follows(event: IncomingEvent, stored: StoredPosition): boolean {
    const { epoch, n } = event;
    if (epoch !== stored.epoch) throw errorOf({ event, stored, verdict: 'other-history' });
    if (n > stored.n + 1) throw errorOf({ event, stored, verdict: 'gap' });
    return n === stored.n + 1;
  }
}
