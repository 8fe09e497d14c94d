import type { Wakeup } from '@banyan/runtime';
import type { IncomingEvent } from '../incoming-event.js';
import type { StreamHint } from '../position-store.js';

export interface InboxLimits {
  events: number;
  bytes: number;
}

/** What headers take, roughly. */
const EVENT_OVERHEAD_BYTES = 500;

/**
 * What has been read for one lane and is not applied yet. States: waiting for a feed → fed → left, when a feed has ended or
 * has gone on without this lane; what arrived is still here, and what comes after it must be asked for anew.
 */
export class Inbox {
  readonly lane: number;
  readonly hint: StreamHint | undefined;
  readonly #wakeup: Wakeup;
  readonly #limits: InboxLimits;
  #events: IncomingEvent[] = [];
  #bytes = 0;
  #room: (() => void) | undefined;
  #left: { because: Error | undefined } | undefined;
  #created: string | undefined;
  #sequence = 0;

  /** @param hint where its events begin: after it, or at the stream's beginning */
  constructor(
    lane: number,
    { hint, wakeup, limits }: { hint: StreamHint | undefined; wakeup: Wakeup; limits: InboxLimits },
  ) {
    this.lane = lane;
    this.hint = hint;
    this.#wakeup = wakeup;
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** True once a feed serves it. */
  get isFed(): boolean {
    return this.#created !== undefined;
  }

  /** True when nothing more will be brought. */
  get isLeft(): boolean {
    return this.#left !== undefined;
  }

  /** True when it is empty and nothing more will come. */
  get isOver(): boolean {
    return this.#left !== undefined && this.isEmpty;
  }

  /** What the feed failed with, if it did. */
  get failure(): Error | undefined {
    return this.#left?.because;
  }

  /** All events of the lane up to this sequence have been taken, while it is empty. */
  get readUpTo(): StreamHint | undefined {
    return this.#created === undefined ? undefined : { created: this.#created, sequence: this.#sequence };
  }

  get isFull(): boolean {
    return this.#events.length >= this.#limits.events || this.#bytes >= this.#limits.bytes;
  }

  /** A feed takes it over: it brings everything after `sequence`. */
  begin(created: string, sequence: number): void {
    this.#created = created;
    this.#sequence = sequence;
  }

  /** The feed has passed this sequence, and nothing in it was for the lane. */
  pass(sequence: number): void {
    if (sequence > this.#sequence) this.#sequence = sequence;
  }

  put(event: IncomingEvent): void {
    this.#events.push(event);
    this.#bytes += sizeOf(event);
    this.#sequence = event.sequence;
    this.#wakeup.ring();
  }

  /** Takes up to `max` events that have arrived. */
  take(max: number): IncomingEvent[] {
    const taken = this.#events.length <= max ? this.#events : this.#events.slice(0, max);
    this.#events = taken === this.#events ? [] : this.#events.slice(max);
    for (const event of taken) this.#bytes -= sizeOf(event);
    if (!this.isFull) this.#room?.();
    return taken;
  }

  /** Resolves when it is no longer full, or left. */
  untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isFull && this.#left === undefined) this.#room = resolve;
      else resolve();
    });
  }

  leave(because?: Error): void {
    this.#left ??= { because };
    this.#room?.();
    this.#wakeup.ring();
  }
}

const sizeOf = ({ payload }: IncomingEvent): number => payload.length + EVENT_OVERHEAD_BYTES;
