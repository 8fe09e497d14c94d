import { rangeSubjectOf } from '@banyan/contracts';
import { createInbox, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { readEvent, type IncomingEvent } from '../incoming-event.js';

/** How long an answer may be silent, in ms. */
const SILENCE_MS = 3000;

/** Missing events of one partition. */
export interface MissingRange {
  epoch: number;
  fromN: number;
  toN: number;
  partition: number;
}

/** Asks the relays of a source for events out of its outbox, for when the stream has lost them. */
export class RangeClient {
  readonly #nats: NatsConnection;
  readonly #source: string;

  constructor(nats: NatsConnection, source: string) {
    this.#nats = nats;
    this.#source = source;
  }

  /**
   * The events of the range, or its beginning if it is long. They are to be judged like any others.
   * @throws Error with what the source said, or that nobody answered
   */
  async fetch(range: MissingRange): Promise<IncomingEvent[]> {
    const events: IncomingEvent[] = [];
    for (let fromN = range.fromN; events.length === 0 && fromN <= range.toN;) {
      fromN = await this.#ask({ ...range, fromN }, events);
    }
    return events;
  }

  /** Returns the first n that was not looked at. */
  async #ask(range: MissingRange, events: IncomingEvent[]): Promise<number> {
    const inbox = createInbox();
    const replies = this.#nats.subscribe(inbox, { timeout: SILENCE_MS });
    try {
      this.#nats.publish(rangeSubjectOf(this.#source), JSON.stringify(range), { reply: inbox });
      return await collect(replies, events);
    } finally {
      replies.unsubscribe();
    }
  }
}

/** Reads one answer, up to the message that says where to go on. */
async function collect(replies: Subscription, events: IncomingEvent[]): Promise<number> {
  for await (const { headers, data } of replies) {
    if (headers?.code === 503) throw new Error('no relay of the source answers');
    const refusal = headers?.get('Nats-Service-Error') ?? '';
    if (refusal !== '') throw new Error(refusal);
    const next = headers?.get('Banyan-Range-Next') ?? '';
    if (next !== '') return Number(next);
    const subject = headers?.get('Banyan-Subject') ?? '';
    events.push(readEvent({ subject, seq: 0, data, headers }));
  }
  throw new Error('the answer broke off');
}
