import { backoffDelayMs, messageOf, wait } from '@banyan/runtime';
import type { JsMsg } from '@nats-io/jetstream';
import { describe } from '../fault.js';
import { isShardOf } from '../handler-table.js';
import { readEvent, type IncomingEvent } from '../incoming-event.js';
import type { Durable } from './durable.js';
import { KeyQueues } from './key-queues.js';
import { LeftOvers } from './left-overs.js';
import { listenerContextOf, type Delivery, type ListenerEntry } from './listen-to.js';
import type { ListenerOptions } from './options.js';
import { Progress } from './progress.js';

export interface ListenerCounts {
  handled: number;
  /** Attempts that failed. */
  failures: number;
  /** Events that were given up. */
  givenUp: number;
}

/** An event that was read and is not handled yet. */
interface Held {
  readonly sequence: number;
  readonly event: IncomingEvent;
  /** The newest delivery of it: acknowledge this one. */
  message: JsMsg;
  attempts: number;
}

/** How much longer than the ack wait the broker may take to send again what a killed process had, in ms. */
const REDELIVERY_SLACK_MS = 2000;

/**
 * What was read of one source and is not handled yet. An event stays unacknowledged until its handler has succeeded, or it is
 * given up; the broker is told regularly that it is in work. So retries are made here and not by asking the broker to send it
 * again later: that event could come back to another process, or never, while the later ones of its key wait.
 */
export class ListenerRun {
  readonly counts: ListenerCounts = { handled: 0, failures: 0, givenUp: 0 };
  readonly #source: string;
  readonly #options: ListenerOptions;
  readonly #progress = new Progress();
  /** By sequence, in the order in which they came. */
  #held = new Map<number, Held>();
  #queues: KeyQueues<Held>;
  #leftOvers = LeftOvers.none<Held>();
  #timers: NodeJS.Timeout[] = [];

  constructor(source: string, options: ListenerOptions) {
    this.#source = source;
    this.#options = options;
    this.#queues = this.#newQueues();
  }

  get unhandled(): number {
    return this.#held.size;
  }

  /** True once this process has read anything. */
  get hasBegun(): boolean {
    return this.#progress.hasBegun;
  }

  /** A consumer was opened. */
  begin({ info, isNew }: Durable): void {
    const { ackWaitMs } = this.#options;
    this.#progress.begin(isNew);
    this.#queues = this.#newQueues();
    this.#leftOvers = new LeftOvers<Held>(info);
    const keep = setInterval(() => this.#keep(), ackWaitMs / 3);
    const patience = setTimeout(() => this.#lineUp(this.#leftOvers.end()), ackWaitMs + REDELIVERY_SLACK_MS);
    this.#timers = [keep, patience];
  }

  /** True while newer events wait for what a process that is gone had read. */
  get isWaiting(): boolean {
    return !this.#leftOvers.isOver;
  }

  /** Tells how many events the broker waits for: if all of them are here, nothing is missing any more. */
  notePending(pending: number): void {
    if (pending <= this.#held.size) this.#lineUp(this.#leftOvers.end());
  }

  /** Takes a message. @throws BanyanError BANYAN_OTHER_HISTORY for one that no relay wrote */
  take(message: JsMsg): void {
    const { seq: sequence } = message;
    const known = this.#held.get(sequence);
    if (known !== undefined) {
      known.message = message;
      return;
    }
    const event = readEvent(message);
    if (this.#progress.isSettled(sequence, event)) message.ack();
    else this.#hold({ sequence, event, message, attempts: 0 });
  }

  /** No more comes from this consumer: waits for handlers that run, and gives back the rest, in order. */
  async end(): Promise<void> {
    const drained = new AbortController();
    const idle = this.#queues.stop().then(() => drained.abort());
    await Promise.race([idle, wait(this.#options.drainMs, drained.signal)]);
    for (const timer of this.#timers) clearTimeout(timer);
    const rest = [...this.#held.values()].sort((a, b) => a.sequence - b.sequence);
    for (const { message } of rest) message.nak();
    this.#held = new Map();
  }

  #newQueues(): KeyQueues<Held> {
    return new KeyQueues({ concurrency: this.#options.concurrency, run: (held) => this.#handle(held) });
  }

  #hold(held: Held): void {
    this.#held.set(held.sequence, held);
    this.#progress.read(held.event);
    this.#lineUp(this.#leftOvers.add(held));
  }

  #lineUp(all: readonly Held[]): void {
    for (const held of all) this.#queues.put(`${held.event.aggregate}/${held.event.aggregateId}`, held);
  }

  /** Tells the broker that they are in work. Sent in order, so that a killed process's events come again in order. */
  #keep(): void {
    for (const { message } of this.#held.values()) message.working();
  }

  /** One attempt. Gives the delay before the next one, or undefined when there is none. */
  async #handle(held: Held): Promise<number | undefined> {
    const { event } = held;
    held.attempts += 1;
    const delivery = { attempt: held.attempts, redelivered: held.message.redelivered };
    try {
      for (const entry of this.#entriesOf(event)) await entry.handle(event, delivery);
    } catch (error) {
      return this.#onFailed(held, error, delivery);
    }
    this.counts.handled += 1;
    this.#settle(held);
    held.message.ack();
    return undefined;
  }

  #entriesOf({ aggregate, type }: IncomingEvent): ListenerEntry[] {
    return this.#options.handlers.filter(
      (entry) =>
        entry.aggregate === aggregate && entry.type === type && isShardOf(this.#source, entry.source),
    );
  }

  #onFailed(held: Held, error: unknown, delivery: Delivery): number | undefined {
    const { maxAttempts, retryFirstDelayMs: firstMs, retryMaxDelayMs: maxMs, logger, name } = this.#options;
    this.counts.failures += 1;
    const what = {
      listener: name,
      source: this.#source,
      event: describe(held.event),
      error: messageOf(error),
    };
    if (held.attempts < maxAttempts) {
      logger.warn('an event will be tried again', { ...what, attempt: held.attempts });
      return backoffDelayMs(held.attempts - 1, { firstMs, maxMs });
    }
    logger.error('an event was given up', { ...what, attempts: held.attempts });
    this.#giveUp(held, error, delivery);
    return undefined;
  }

  #giveUp(held: Held, error: unknown, delivery: Delivery): void {
    const { onGivenUp, logger, name } = this.#options;
    this.counts.givenUp += 1;
    try {
      onGivenUp(listenerContextOf(held.event, delivery), error);
    } catch (failure) {
      logger.error('onGivenUp failed', { listener: name, error: messageOf(failure) });
    }
    this.#settle(held);
    held.message.term(messageOf(error));
  }

  #settle({ sequence, event }: Held): void {
    this.#held.delete(sequence);
    this.#progress.settle(sequence, event);
  }
}
