import { partitionSubjectOf, streamOf } from '@banyan/contracts';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { readEvent, type IncomingEvent } from '../incoming-event.js';

const PAGE_EVENTS = 200;

export interface PartitionPage {
  events: IncomingEvent[];
  /** Everything of the partition up to this sequence is in the page, or before it. */
  readThrough: number;
}

/** Reads single partitions of a stream, message by message: slow, for what is seldom needed. */
export class PartitionPages {
  readonly #nats: NatsConnection;
  readonly #source: string;
  #manager: JetStreamManager | undefined;

  constructor(nats: NatsConnection, source: string) {
    this.#nats = nats;
    this.#source = source;
  }

  /** The partition's events from one sequence to another, or the first of them. */
  async read(partition: number, from: number, to: number): Promise<PartitionPage> {
    this.#manager ??= await jetstreamManager(this.#nats, { checkAPI: false });
    const events: IncomingEvent[] = [];
    for (let seq = from; seq <= to;) {
      const subject = partitionSubjectOf(this.#source, partition);
      const query = { seq, next_by_subj: subject };
      const message = await this.#manager.streams.getMessage(streamOf(this.#source), query);
      if (message === null || message.seq > to) break;
      events.push(
        readEvent({
          subject: message.subject,
          seq: message.seq,
          data: message.data,
          headers: message.header,
        }),
      );
      if (events.length === PAGE_EVENTS) return { events, readThrough: message.seq };
      seq = message.seq + 1;
    }
    return { events, readThrough: to };
  }
}
