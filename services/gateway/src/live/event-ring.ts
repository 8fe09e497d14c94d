import type { LiveEvent } from './live-event.js';
import { NOTHING, type Place } from './place.js';

/** How many places at the front may be empty before they are cut off. */
const SLACK = 1024;

/**
 * The newest events of one source, without a gap, bounded by bytes. Positions are dense, so an event's place in the ring
 * follows from its position. States: not begun (nobody knows where the source stands) → begun.
 */
export class EventRing {
  readonly #maxBytes: number;
  #events: (LiveEvent | undefined)[] = [];
  /** Index of the oldest event. */
  #start = 0;
  #bytes = 0;
  /** After which position the ring begins; undefined: not known. */
  #floor: Place | undefined;
  /** The stream had never held an event when the ring began, and none has left the ring. */
  #isFromTheFirst = false;

  constructor({ maxBytes }: { maxBytes: number }) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True while a good part is empty: one that is as good as full takes nothing in front. */
  get hasRoom(): boolean {
    return this.#bytes < 0.9 * this.#maxBytes;
  }

  get oldest(): LiveEvent | undefined {
    return this.#events[this.#start];
  }

  /** After which position the ring begins. */
  get floor(): Place | undefined {
    return this.#floor;
  }

  /** The place after the newest event; undefined: not known. */
  get end(): Place | undefined {
    return this.#floor && { epoch: this.#floor.epoch, n: this.#floor.n + this.#count };
  }

  /** Forgets everything and begins at a place. @param at undefined: unknown, until the next event tells */
  begin(at: Place | undefined): void {
    this.#events = [];
    this.#start = 0;
    this.#bytes = 0;
    this.#floor = at;
    this.#isFromTheFirst = at === NOTHING;
  }

  /** The next event: the one after `end`, or any if that is not known. */
  append(event: LiveEvent): void {
    if (this.#count === 0 && (this.#floor === undefined || this.#floor === NOTHING))
      this.#floor = { epoch: event.epoch, n: event.n - 1 };
    this.#events.push(event);
    this.#bytes += event.bytes;
    while (this.#bytes > this.#maxBytes && this.#count > 1) this.#dropOldest();
  }

  /** Puts events before the oldest that end right before it; as many of the last of them as there is room for. */
  prepend(events: readonly LiveEvent[]): void {
    const { epoch } = this.#floor ?? NOTHING;
    let from = events.length;
    for (; from > 0; from--) {
      const bytes = events[from - 1]?.bytes ?? 0;
      if (this.#bytes + bytes > this.#maxBytes) break;
      this.#bytes += bytes;
    }
    const taken = events.slice(from);
    const [first] = taken;
    if (first === undefined) return;
    this.#events = [...taken, ...this.#events.slice(this.#start)];
    this.#start = 0;
    this.#floor = { epoch, n: first.n - 1 };
  }

  /** True if everything after a place is here. */
  covers(place: Place): boolean {
    return this.#indexAfter(place) !== undefined;
  }

  /** Up to `max` events after a place; undefined if something after it is gone. */
  after(place: Place, max: number): LiveEvent[] | undefined {
    const index = this.#indexAfter(place);
    if (index === undefined) return undefined;
    return this.#events.slice(index, index + max).filter((event) => event !== undefined);
  }

  get #count(): number {
    return this.#events.length - this.#start;
  }

  #indexAfter(place: Place): number | undefined {
    const floor = this.#floor;
    if (floor === undefined) return undefined;
    if (place.epoch === 0) return this.#isFromTheFirst ? this.#start : undefined;
    const offset = place.n - floor.n;
    if (place.epoch !== floor.epoch || offset < 0 || offset > this.#count) return undefined;
    return this.#start + offset;
  }

  #dropOldest(): void {
    const { epoch, n } = this.#floor ?? NOTHING;
    this.#bytes -= this.oldest?.bytes ?? 0;
    this.#events[this.#start] = undefined;
    this.#start += 1;
    this.#floor = { epoch, n: n + 1 };
    this.#isFromTheFirst = false;
    if (this.#start > SLACK && this.#start > this.#count) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
  }
}
