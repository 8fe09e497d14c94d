import type { IncomingEvent } from '../incoming-event.js';

type At = Pick<IncomingEvent, 'epoch' | 'n'>;

/** Acknowledgements are lost soon or never. */
const REMEMBERED = 10_000;

/**
 * What this process has handled of a source. By sequence, for as long as the consumer lives: a lost acknowledgement makes an
 * event come again after later ones of its key. By position, beyond: of a recreated stream everything comes as new.
 */
export class Progress {
  /** Settled, and sent by the consumer that is open now. */
  readonly #settled = new Set<number>();
  /** The n of what is read and not settled. */
  readonly #open = new Set<number>();
  #last: At | undefined;
  /** All up to here was settled through a consumer that is gone. */
  #floor: At | undefined;

  get hasBegun(): boolean {
    return this.#last !== undefined;
  }

  /** A consumer is open; what was read and not settled comes again. @param isNew it sends all events from the beginning */
  begin(isNew: boolean): void {
    if (isNew && this.#last !== undefined) {
      this.#floor = {
        epoch: this.#last.epoch,
        n: Math.min(this.#last.n, ...[...this.#open].map((n) => n - 1)),
      };
      this.#settled.clear();
    }
    this.#open.clear();
  }

  /** True if the message, or its event, was settled here before. */
  isSettled(sequence: number, { epoch, n }: At): boolean {
    return this.#settled.has(sequence) || (this.#floor?.epoch === epoch && n <= this.#floor.n);
  }

  read({ epoch, n }: At): void {
    this.#open.add(n);
    if (this.#last?.epoch !== epoch || n > this.#last.n) this.#last = { epoch, n };
  }

  settle(sequence: number, { n }: At): void {
    this.#open.delete(n);
    this.#settled.add(sequence);
    const [oldest] = this.#settled;
    if (this.#settled.size > REMEMBERED && oldest !== undefined) this.#settled.delete(oldest);
  }
}
