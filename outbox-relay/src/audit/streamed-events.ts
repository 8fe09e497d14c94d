import { streamOf } from '@banyan/contracts';
import { BanyanError } from '@banyan/runtime';
import {
  DeliverPolicy,
  jetstream,
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { positionIn } from '../history/stream-table.js';
import { messageFrom } from '../stream.js';

/** Messages fetched ahead. Bounds memory together with the stretch that is being compared. */
const FETCH = 2000;

/** Without a message for so long, before the stream's end, reading has broken off, in ms. */
const STALLED_MS = 15_000;

/** A message of the present epoch, by its headers. */
export interface StreamedEvent {
  n: number;
  prevN: number;
  eventId: string;
}

/** What the messages up to a position were. */
export interface StreamedStretch {
  events: StreamedEvent[];
  /** Messages without a position, or with one that does not rise. */
  strangers: number;
  /** The highest position seen so far, also of what comes after the stretch. */
  reachedN: number;
}

export interface StreamedEventsOptions {
  source: string;
  epoch: number;
  /** The first position of interest. */
  fromN: number;
}

/**
 * Reads a stream's headers from a position on, stretch by stretch, up to where the stream ended when it was opened. One
 * message is read ahead, so that it is known whether the stream goes on behind a stretch.
 */
export class StreamedEvents {
  readonly #messages: ConsumerMessages | undefined;
  readonly #iterator: AsyncIterator<JsMsg> | undefined;
  readonly #epoch: number;
  readonly #lastSequence: number;
  #ahead: StreamedEvent | undefined;
  #reachedN = 0;
  #ended: boolean;

  private constructor(messages: ConsumerMessages | undefined, epoch: number, lastSequence: number) {
    this.#messages = messages;
    this.#iterator = messages?.[Symbol.asyncIterator]();
    this.#epoch = epoch;
    this.#lastSequence = lastSequence;
    this.#ended = messages === undefined;
  }

  static async open(
    { nats, manager }: { nats: NatsConnection; manager: JetStreamManager },
    options: StreamedEventsOptions,
  ): Promise<StreamedEvents> {
    const { source, epoch } = options;
    const stream = streamOf(source);
    const { state } = await manager.streams.info(stream);
    if (state.messages === 0) return new StreamedEvents(undefined, epoch, 0);
    const sequence = await sequenceBefore(manager, options, state);
    const consumer = await jetstream(nats).consumers.get(stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: sequence,
      headers_only: true,
    });
    const messages = await consumer.consume({ max_messages: FETCH });
    return new StreamedEvents(messages, epoch, state.last_seq);
  }

  /** The messages up to position n that were not given yet. */
  async upTo(n: number): Promise<StreamedStretch> {
    const stretch: StreamedStretch = { events: [], strangers: 0, reachedN: this.#reachedN };
    if (this.#ahead !== undefined && this.#ahead.n <= n) {
      stretch.events.push(this.#ahead);
      this.#ahead = undefined;
    }
    // A stream that was deleted meanwhile says nothing of it.
    const stalled = setTimeout(() => this.close(), STALLED_MS);
    try {
      while (this.#ahead === undefined && !this.#ended) {
        this.#take(await this.#next(), n, stretch);
        stalled.refresh();
      }
    } finally {
      clearTimeout(stalled);
    }
    stretch.reachedN = this.#reachedN;
    return stretch;
  }

  /** A read that is under way fails. */
  close(): void {
    // Not the messages' own close: it waits until somebody has read them to the end.
    void this.#iterator?.return?.();
    this.#messages?.stop();
  }

  async #next(): Promise<JsMsg | undefined> {
    const next = await this.#iterator?.next();
    // Not to be taken for the stream's end: that is known by its sequence.
    if (next === undefined || next.done === true) throw brokenOff(this.#reachedN);
    this.#ended = next.value.seq >= this.#lastSequence || next.value.info.pending === 0;
    return next.value.seq > this.#lastSequence ? undefined : next.value;
  }

  #take(message: JsMsg | undefined, n: number, stretch: StreamedStretch): void {
    if (message === undefined) return;
    const position = positionOf(message, 'Banyan-Position');
    if (position !== undefined && position.epoch < this.#epoch) return;
    if (position === undefined || position.epoch > this.#epoch || position.n <= this.#reachedN) {
      stretch.strangers += 1;
      return;
    }
    const prevN = positionOf(message, 'Banyan-Prev')?.n ?? -1;
    const event = { n: position.n, prevN, eventId: message.headers?.get('ce-id') ?? '' };
    this.#reachedN = position.n;
    if (event.n <= n) stretch.events.push(event);
    else this.#ahead = event;
  }
}

function positionOf(message: JsMsg, header: string): { epoch: number; n: number } | undefined {
  return positionIn(message.headers?.get(header) ?? '');
}

function brokenOff(n: number): BanyanError {
  return new BanyanError('BANYAN_AUDIT_FAILED', `reading the stream broke off after n ${n}`);
}

/**
 * A sequence at or before the position's own. In a healthy stream positions and sequences rise together, so counting back
 * from the end finds it at once; where strangers' messages lie between, it is too high, and one goes back further.
 */
async function sequenceBefore(
  manager: JetStreamManager,
  { source, epoch, fromN }: StreamedEventsOptions,
  state: { first_seq: number; last_seq: number },
): Promise<number> {
  let sequence = state.last_seq;
  for (let back = 0; ; back = back * 2 + 1) {
    const found = await messageFrom(manager, streamOf(source), Math.max(sequence, state.first_seq));
    const position = found === null ? undefined : positionIn(found.header.get('Banyan-Position'));
    if (position !== undefined && (position.epoch < epoch || position.n <= fromN)) return sequence;
    const above = position === undefined ? 0 : position.n - fromN;
    sequence -= above + back;
    if (sequence <= state.first_seq) return state.first_seq;
  }
}
