import { messageOf, wait, type Logger } from '@banyan/runtime';
import { sourceTail, streamPast, type SourceTail, type TailEvent } from '@banyan/subscriber';
import type { NatsConnection } from '@nats-io/nats-core';
import { EventRing } from './event-ring.js';
import { liveEvent, type LiveEvent } from './live-event.js';
import { NOTHING, type Place } from './place.js';

/** Clients that come back together are read for together: this long is waited for more of them, in ms. */
const GATHER_MS = 20;

/** Told of what a feed brings. */
export interface FeedListener {
  onEvent: (feed: SourceFeed, event: LiveEvent) => void;
  /** It has begun, perhaps anew. @param before after which event it stood; undefined: not known */
  onBegun: (feed: SourceFeed, before: Place | undefined) => void;
}

export interface SourceFeedOptions {
  source: string;
  nats: NatsConnection;
  ringBytes: number;
  maxResumeEvents: number;
  listener: FeedListener;
  logger: Logger;
}

/**
 * One reading of a source's stream for all clients: the newest events in a ring, and older ones read from the stream into the
 * ring for those that come back. States: finding the stream's end → following, and again from the beginning after whatever it
 * cannot explain.
 */
export class SourceFeed {
  readonly source: string;
  readonly #options: SourceFeedOptions;
  readonly #ring: EventRing;
  readonly #tail: SourceTail;
  /** Some event, or the end of the stream, whose sequence is known. */
  #near: { n: number; sequence: number } | undefined;
  #freshMs = -Infinity;
  #asOfMs = 0;
  readonly #begun = deferred();
  #wanted: number | undefined;
  #reading: Promise<boolean> | undefined;

  constructor(options: SourceFeedOptions) {
    const { source, nats, ringBytes, logger } = options;
    this.source = source;
    this.#options = options;
    this.#ring = new EventRing({ maxBytes: ringBytes });
    this.#tail = sourceTail({
      ...{ nats, source, logger },
      onReset: ({ position, sequence }) => this.#begin(position, sequence),
      onEvents: (events) => this.#take(events),
      onFresh: (asOfMs) => this.#noteFresh(asOfMs),
    });
  }

  /** After which event the source stands; undefined: not known. */
  get end(): Place | undefined {
    return this.#ring.end;
  }

  /** All that the source committed before this has come; ms since 1970 by the source's clock, 0: not known. */
  get asOfMs(): number {
    return this.#asOfMs;
  }

  /** Since when it has not been told that nothing is missing, in ms. */
  get silentMs(): number {
    return performance.now() - this.#freshMs;
  }

  /** Resolves when it knows where the source stands; not while the broker or the stream is away. */
  untilBegun(): Promise<void> {
    return this.#begun.promise;
  }

  start(): void {
    this.#tail.start();
  }

  async stop(): Promise<void> {
    await this.#tail.stop();
    await this.#reading;
  }

  /** Up to `max` events after a place; undefined: not all of them are at hand, `reach` may bring them. */
  after(place: Place, max: number): LiveEvent[] | undefined {
    return this.#ring.after(place, max);
  }

  /** Has everything after a place at hand; false if that cannot be. One reading of the stream serves all who wait. */
  async reach(place: Place): Promise<boolean> {
    while (!this.#ring.covers(place)) {
      if (!this.#canReach(place)) return false;
      this.#wanted = Math.min(this.#wanted ?? place.n, place.n);
      this.#reading ??= this.#readPast().finally(() => (this.#reading = undefined));
      if (!(await this.#reading)) return false;
    }
    return true;
  }

  #begin(at: Place | undefined, sequence: number): void {
    const before = this.#ring.end;
    this.#near = at && { n: at.n, sequence };
    this.#ring.begin(at ?? (sequence === 0 ? NOTHING : undefined));
    this.#begun.resolve();
    this.#options.listener.onBegun(this, before);
  }

  #take(events: readonly TailEvent[]): void {
    for (const event of events) {
      const live = liveEvent(event);
      this.#ring.append(live);
      this.#options.listener.onEvent(this, live);
    }
  }

  #noteFresh(asOfMs: number): void {
    this.#freshMs = performance.now();
    this.#asOfMs = asOfMs;
  }

  #canReach({ epoch, n }: Place): boolean {
    const { floor } = this.#ring;
    if (floor === undefined || epoch === 0 || epoch !== floor.epoch || n >= floor.n) return false;
    return floor.n - n <= this.#options.maxResumeEvents && this.#ring.hasRoom;
  }

  /** Reads what is before the ring, down to what is wanted. False: it is gone, or there is no room. */
  async #readPast(): Promise<boolean> {
    await wait(GATHER_MS);
    const [floor, wanted, near] = [this.#ring.floor, this.#wanted, this.#ring.oldest ?? this.#near];
    this.#wanted = undefined;
    if (floor === undefined || wanted === undefined || near === undefined) return false;
    try {
      const range = { epoch: floor.epoch, fromN: wanted + 1, toN: floor.n, near };
      const past = await streamPast(this.#options.nats, this.source, range);
      return past !== undefined && this.#putBefore(floor, past);
    } catch (error) {
      const { logger } = this.#options;
      logger.warn('past events cannot be read', { source: this.source, error: messageOf(error) });
      return false;
    }
  }

  /** The ring may have lost its oldest meanwhile: then what was read no longer ends where it begins. */
  #putBefore(floor: Place, past: readonly TailEvent[]): boolean {
    const now = this.#ring.floor;
    if (now?.epoch !== floor.epoch || now.n !== floor.n) return false;
    this.#ring.prepend(past.map(liveEvent));
    return this.#ring.floor?.n !== floor.n;
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
