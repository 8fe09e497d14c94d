import {
  backoffDelayMs,
  isBanyanError,
  Loop,
  messageOf,
  wait,
  type ErrorCode,
  type Round,
} from '@banyan/runtime';
import { jetstream, type JsMsg } from '@nats-io/jetstream';
import { DurableConsumer } from './durable.js';
import { ListenerRun, type ListenerCounts } from './listener-run.js';
import type { ListenerOptions } from './options.js';

/** Pulls are renewed after so long, in ms; a broker that is silent for as long is asked whether the consumer is still there. */
const PULL_MS = 10_000;
/** How often the broker is asked what is left of a process that is gone, at least, in ms. */
const LOOK_MS = 100;
/** Events asked for at once, at most. */
const PULL_EVENTS = 500;

/**
 * - waiting: the source has no stream yet
 * - listening
 * - down: something failed; it tries again
 * - stopped
 */
type State =
  { is: 'waiting' | 'listening' | 'stopped' } | { is: 'down'; because: string; code: ErrorCode | undefined };

export interface ListenerSourceStatus extends ListenerCounts {
  source: string;
  state: State['is'];
  /** Why it is down; undefined otherwise. */
  because: string | undefined;
  code: ErrorCode | undefined;
  /** Events that are read and not handled yet. */
  unhandled: number;
}

/** Hears of one source: keeps its consumer, reads from it, and opens it anew after a failure. */
export class SourceListener {
  readonly #source: string;
  readonly #options: ListenerOptions;
  readonly #durable: DurableConsumer;
  readonly #loop: Loop;
  readonly #run: ListenerRun;
  #state: State = { is: 'stopped' };
  #failures = 0;

  constructor(source: string, options: ListenerOptions) {
    this.#source = source;
    this.#options = options;
    this.#durable = new DurableConsumer(source, options);
    this.#run = new ListenerRun(source, options);
    this.#loop = new Loop({ runOnce: () => this.#runOnce(), onError: (error) => this.#onError(error) });
  }

  get status(): ListenerSourceStatus {
    const state = this.#state;
    const down = state.is === 'down' ? state : undefined;
    return {
      source: this.#source,
      state: state.is,
      because: down?.because,
      code: down?.code,
      unhandled: this.#run.unhandled,
      ...this.#run.counts,
    };
  }

  start(): void {
    this.#state = { is: 'waiting' };
    this.#loop.start();
  }

  /** Reads no more, waits for handlers that run, and gives back what they have not begun. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    this.#state = { is: 'stopped' };
  }

  async #runOnce(): Promise<Round> {
    // A consumer that this process has read from and that is gone went with its stream: the next one begins at the beginning.
    const durable = await this.#durable.ensure(this.#run.hasBegun);
    if (durable === undefined) {
      this.#state = { is: 'waiting' };
      return { next: 'after', delayMs: this.#options.pollIntervalMs };
    }
    this.#run.begin(durable);
    try {
      await this.#read();
    } finally {
      await this.#run.end();
    }
    return { next: 'now' };
  }

  async #read(): Promise<void> {
    const { nats, maxUnhandled } = this.#options;
    const consumer = await jetstream(nats).consumers.get(this.#durable.stream, this.#durable.name);
    const messages = await consumer.consume({
      max_messages: Math.min(PULL_EVENTS, maxUnhandled),
      expires: PULL_MS,
      abort_on_missing_resource: true,
      callback: (message) => this.#take(message),
    });
    const stop = (): void => void messages.close();
    this.#loop.signal.addEventListener('abort', stop, { once: true });
    if (this.#loop.signal.aborted) stop();
    this.#state = { is: 'listening' };
    this.#failures = 0;
    await this.#awaitLeftOvers();
    const failure = await messages.closed();
    this.#loop.signal.removeEventListener('abort', stop);
    if (failure instanceof Error) throw failure;
  }

  async #awaitLeftOvers(): Promise<void> {
    while (this.#run.isWaiting && !this.#loop.signal.aborted) {
      this.#run.notePending(await this.#durable.pending());
      await wait(Math.min(this.#options.pollIntervalMs, LOOK_MS), this.#loop.signal);
    }
  }

  #take(message: JsMsg): void {
    try {
      this.#run.take(message);
    } catch (error) {
      // No relay wrote it: it can never be handled.
      this.#options.logger.error('a message is no event', { source: this.#source, error: messageOf(error) });
      message.term(messageOf(error));
    }
  }

  #onError(error: unknown): Promise<Round> {
    const because = messageOf(error);
    const { logger, name, retryFirstDelayMs: firstMs, retryMaxDelayMs: maxMs } = this.#options;
    this.#state = { is: 'down', because, code: isBanyanError(error) ? error.code : undefined };
    logger.warn('a listener will try again', { listener: name, source: this.#source, error: because });
    return Promise.resolve({ next: 'after', delayMs: backoffDelayMs(this.#failures++, { firstMs, maxMs }) });
  }
}
