import { BanyanError, messageOf } from '@banyan/runtime';
import { createInbox, type Msg, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import type { OutgoingMessage } from './message.js';

export interface ChainOptions {
  maxInFlight: number;
  maxInFlightBytes: number;
  ackTimeoutMs: number;
}

/** JetStream's error code for "wrong last sequence". */
const WRONG_LAST_SEQUENCE = 10071;

interface InFlight {
  n: number;
  sequence: number;
  bytes: number;
}

/**
 * Writes messages into a stream so that each can only land at its own place: every publish carries the sequence that it
 * expects to be the stream's last. Publishes are pipelined. That is the fence: since a position's event is the same for all
 * relays of one history, whatever a stale one still gets in is the event that belongs there. A stranger's message can make
 * a hole, which the next leader finds (see `checkWindow`).
 *
 * States: open → failed. A failed chain stays failed: what became of the messages in flight is unknown, so the caller
 * closes the connection and reads the stream back. No `Nats-Msg-Id`: the chain suffices, and the server's deduplication
 * would swallow an event whose first copy was purged.
 */
export class Chain {
  readonly #connection: NatsConnection;
  readonly #options: ChainOptions;
  readonly #inbox = createInbox();
  readonly #acks: Subscription;
  readonly #watchdog: NodeJS.Timeout;
  readonly #inFlight: InFlight[] = [];
  #nextAck = 0;
  #bytes = 0;
  #lastSequence: number;
  #ackedN: number;
  #lastProgressMs = performance.now();
  #failure: BanyanError | undefined;
  #waiters: (() => void)[] = [];

  /** @param tail the sequence of the stream's last message, and the n of its position */
  constructor(connection: NatsConnection, tail: { sequence: number; n: number }, options: ChainOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#lastSequence = tail.sequence;
    this.#ackedN = tail.n;
    this.#acks = connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, msg) => this.#onAck(error, msg),
    });
    this.#watchdog = setInterval(() => this.#checkProgress(), Math.min(250, options.ackTimeoutMs / 4));
    this.#watchdog.unref();
  }

  /** Every position up to this one is acknowledged. */
  get ackedN(): number {
    return this.#ackedN;
  }

  get inFlight(): number {
    return this.#inFlight.length - this.#nextAck;
  }

  /**
   * Resolves when another message of so many bytes may be sent. Undefined if that is now: awaiting nothing would hand each
   * message to the socket by itself.
   * @throws BanyanError once the chain has failed
   */
  room(bytes: number): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#isFull(bytes) ? this.#waitForRoom(bytes) : undefined;
  }

  /** Sends the next message. Its acknowledgement is awaited by `settled`. @throws BanyanError once the chain has failed */
  send(message: OutgoingMessage): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.inFlight === 0) this.#lastProgressMs = performance.now();
    message.headers.expectLastSequence(this.#lastSequence);
    this.#lastSequence += 1;
    const { n, payload } = message;
    this.#inFlight.push({ n, sequence: this.#lastSequence, bytes: payload.length });
    this.#bytes += payload.length;
    const reply = `${this.#inbox}.${this.#lastSequence}`;
    this.#connection.publish(message.subject, payload, { headers: message.headers, reply });
  }

  /**
   * Resolves when all that was sent is acknowledged.
   * @throws BanyanError once the chain has failed
   */
  async settled(): Promise<void> {
    while (this.inFlight > 0 && this.#failure === undefined) await this.#progress();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the chain; what is in flight stays in doubt. */
  close(): void {
    clearInterval(this.#watchdog);
    this.#acks.unsubscribe();
    this.#fail(new BanyanError('BANYAN_PUBLISH_FAILED', 'the chain was closed'));
  }

  async #waitForRoom(bytes: number): Promise<void> {
    while (this.#isFull(bytes) && this.#failure === undefined) await this.#progress();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #isFull(bytes: number): boolean {
    if (this.inFlight === 0) return false;
    return this.inFlight >= this.#options.maxInFlight || this.#bytes + bytes > this.#options.maxInFlightBytes;
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  #fail(failure: BanyanError): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #onAck(error: Error | null, msg: Msg): void {
    if (this.#failure !== undefined) return;
    const oldest = this.#inFlight[this.#nextAck];
    const refusal = error === null ? refusalOf(msg, oldest) : publishFailed(messageOf(error));
    if (oldest === undefined || refusal !== undefined) {
      this.#fail(refusal ?? publishFailed('an acknowledgement came for nothing that was sent'));
      return;
    }
    this.#ackedN = oldest.n;
    this.#bytes -= oldest.bytes;
    this.#nextAck += 1;
    this.#lastProgressMs = performance.now();
    this.#forgetAcked();
    if (this.#waiters.length > 0) this.#wake();
  }

  /** Drops acknowledged entries now and then: shifting at every one would move the whole array. */
  #forgetAcked(): void {
    if (this.#nextAck < 1024 && this.#nextAck < this.#inFlight.length) return;
    this.#inFlight.splice(0, this.#nextAck);
    this.#nextAck = 0;
  }

  #checkProgress(): void {
    const silentMs = performance.now() - this.#lastProgressMs;
    if (this.inFlight === 0 || silentMs < this.#options.ackTimeoutMs) return;
    const oldest = this.#inFlight[this.#nextAck];
    this.#fail(
      publishFailed(`no acknowledgement for ${Math.round(silentMs)} ms, waiting for n ${oldest?.n ?? '?'}`),
    );
  }
}

function publishFailed(message: string): BanyanError {
  return new BanyanError('BANYAN_PUBLISH_FAILED', message);
}

/** Why an answer is no acknowledgement of the oldest message in flight; undefined if it is one. */
function refusalOf(msg: Msg, oldest: InFlight | undefined): BanyanError | undefined {
  if (msg.headers?.code === 503) return publishFailed('no stream listens to the subject (503)');
  const answer = answerOf(msg);
  if (answer.error !== undefined) {
    const { code, err_code: detail, description } = answer.error;
    const text = `${description ?? 'refused'} (${code ?? '?'}/${detail ?? '?'}) at n ${oldest?.n ?? '?'}`;
    return detail === WRONG_LAST_SEQUENCE ? new BanyanError('BANYAN_FENCED', text) : publishFailed(text);
  }
  if (answer.seq === oldest?.sequence && answer.duplicate !== true) return undefined;
  return publishFailed(`acknowledged sequence ${answer.seq ?? '?'}, expected ${oldest?.sequence ?? 'none'}`);
}

interface PubAck {
  seq?: number;
  duplicate?: boolean;
  error?: { code?: number; err_code?: number; description?: string };
}

function answerOf(msg: Msg): PubAck {
  try {
    return msg.json<PubAck>();
  } catch (error) {
    return { error: { description: `unreadable acknowledgement: ${messageOf(error)}` } };
  }
}
