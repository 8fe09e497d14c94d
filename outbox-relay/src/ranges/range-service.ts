import { rangeSubjectOf } from '@banyan/contracts';
import { BanyanError, isBanyanError, messageOf, type Logger } from '@banyan/runtime';
import { headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { judgeByWitness, judgeDatabase } from '../history/judge-history.js';
import { Witness } from '../history/witness.js';
import { Session } from '../session.js';
import { readSource, type SourceRecord } from '../source-record.js';
import { readRequest, type RangeRequest } from './range-request.js';
import { readRange } from './read-range.js';

/** An answer ends at the first of these; it says where to go on. */
const MAX_EVENTS = 1000;
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_POSITIONS = 10_000;
const MAX_MS = 2000;

/** Requests that may wait for the one that is being answered. */
const MAX_WAITING = 32;

export interface RangeServiceOptions {
  source: string;
  shard: number;
  databaseUrl: string;
  natsUrl: string;
  streamReplicas: number;
  logger: Logger;
}

/**
 * Answers "the events n…m of this source" from the retained outbox, for readers that found a gap. All relays of a source
 * answer, stand-bys too, in a queue group; on connections of their own, so that publishing does not wait for it.
 *
 * An answer is the very messages, each with its subject in `Banyan-Subject`, and one without payload at the end, with
 * `Banyan-Range-Next`: the first position that was not looked at. An error comes as NATS services give it, in
 * `Nats-Service-Error` and `Nats-Service-Error-Code`. A database of another history answers nothing but errors.
 */
export class RangeService {
  readonly #options: RangeServiceOptions;
  #nats: Promise<NatsConnection> | undefined;
  #subscription: Subscription | undefined;
  #session: Session | undefined;
  #answering: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RangeServiceOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#nats !== undefined || this.#stopped) return;
    const { source, natsUrl, logger } = this.#options;
    this.#nats = connect({
      servers: natsUrl.split(','),
      name: `banyan-relay ${source} ranges`,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
    });
    this.#nats.then(
      (nats) => this.#listen(nats),
      (error: unknown) => logger.warn('ranges are not served', { source, error: messageOf(error) }),
    );
  }

  /** Stops after the request that is being answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#subscription?.unsubscribe();
    await this.#answering;
    // Not awaited: while NATS is away it has not connected yet.
    this.#nats?.then((nats) => nats.close()).catch(() => undefined);
    await this.#session?.close();
  }

  #listen(nats: NatsConnection): void {
    if (this.#stopped) return;
    const subject = rangeSubjectOf(this.#options.source);
    this.#subscription = nats.subscribe(subject, { queue: 'banyan-range' });
    this.#answering = this.#answerAll(nats, this.#subscription);
  }

  async #answerAll(nats: NatsConnection, requests: Subscription): Promise<void> {
    for await (const message of requests) {
      try {
        if (requests.getPending() > MAX_WAITING)
          throw new BanyanError('BANYAN_RANGE_BUSY', 'too many requests wait');
        await this.#answer(nats, message);
      } catch (error) {
        await this.#refuse(message, error);
      }
    }
  }

  async #answer(nats: NatsConnection, message: Msg): Promise<void> {
    const request = readRequest(message.string());
    const session = await this.#openSession();
    const record = await this.#judged(session, nats, request);
    const until = performance.now() + MAX_MS;
    let [next, events, bytes] = [request.fromN, 0, 0];
    for await (const found of readRange(session.client, this.#options.source, { record, request })) {
      next = found.n + 1;
      if (found.message !== undefined) {
        const { subject, payload, headers: own } = found.message;
        own.add('Banyan-Subject', subject);
        message.respond(payload, { headers: own });
        events += 1;
        bytes += payload.length;
      }
      const looked = next - request.fromN;
      if (events >= MAX_EVENTS || bytes >= MAX_BYTES || looked >= MAX_POSITIONS || performance.now() > until)
        break;
    }
    const end = headers();
    end.set('Banyan-Range-Next', String(next));
    message.respond(undefined, { headers: end });
  }

  /** What a relay would refuse to publish is not served either. */
  async #judged(session: Session, nats: NatsConnection, request: RangeRequest): Promise<SourceRecord> {
    const { source, streamReplicas: replicas, logger } = this.#options;
    const record = await readSource(session.client, source);
    judgeDatabase(source, record);
    const witness = await Witness.open(nats, { source, replicas, logger });
    await judgeByWitness(session.client, source, { record, witness: witness.record });
    if (request.epoch === record.epoch) return record;
    throw new BanyanError(
      'BANYAN_NOT_RETAINED',
      `the source is in epoch ${record.epoch}, not ${request.epoch}`,
    );
  }

  async #openSession(): Promise<Session> {
    const { source, databaseUrl } = this.#options;
    this.#session ??= await Session.open(databaseUrl, `banyan-relay ${source} ranges`, this.#options);
    this.#session.check();
    return this.#session;
  }

  async #refuse(message: Msg, error: unknown): Promise<void> {
    const own = isBanyanError(error);
    // A connection in doubt is not used again.
    if (!own) {
      await this.#session?.close();
      this.#session = undefined;
    }
    this.#options.logger.warn('a range was not served', {
      source: this.#options.source,
      error: messageOf(error),
    });
    const answer = headers();
    answer.set('Nats-Service-Error', messageOf(error).replace(/\s+/g, ' '));
    answer.set('Nats-Service-Error-Code', own ? (CODES[error.code] ?? '409') : '500');
    message.respond(undefined, { headers: answer });
  }
}

const CODES: Partial<Record<string, string>> = {
  BANYAN_RANGE_INVALID: '400',
  BANYAN_NOT_RETAINED: '410',
  BANYAN_RANGE_BUSY: '503',
};
