import {
  backoffDelayMs,
  isBanyanError,
  Loop,
  messageOf,
  Wakeup,
  type ErrorCode,
  type Round,
} from '@banyan/runtime';
import { BatchApplier, type ApplyCounts } from './batch-applier.js';
import { FreshnessTracker, type Freshness } from './freshness.js';
import type { StoredPosition } from './judge.js';
import { resolveSubscriberOptions, type SubscriberConfig, type SubscriberOptions } from './options.js';
import { PositionStore } from './position-store.js';
import { Session } from './session.js';
import { SourceReader } from './source-reader.js';

/**
 * What a subscriber is doing.
 * - down: no connection; the next round opens one → standby
 * - standby: another instance applies; asks for its place → waiting
 * - waiting: active, but the source has no stream yet → applying
 * - applying: reads and applies; on an error → down
 * - halted: a gap or another history; it looks again now and then → down
 * - stopped
 */
type State =
  | { is: 'down'; because: string }
  | { is: 'standby'; session: Session }
  | { is: 'waiting'; session: Session }
  | { is: 'applying'; session: Session; applier: BatchApplier; reader: SourceReader }
  | { is: 'halted'; because: string; code: ErrorCode }
  | { is: 'stopped' };

export interface SubscriberStatus extends ApplyCounts {
  name: string;
  source: string;
  state: State['is'];
  /** Why it is down or halted; undefined otherwise. */
  because: string | undefined;
  /** Highest position applied (the n of it); 0 before the first. */
  lastN: number;
}

const NEEDS_A_PERSON: readonly ErrorCode[] = ['BANYAN_GAP', 'BANYAN_OTHER_HISTORY', 'BANYAN_SCHEMA_MISSING'];

/** How long a halted subscriber waits before it looks again, in ms. */
const HALT_RECHECK_MS = 5000;

/**
 * Applies one source's events to a database, each exactly once there, in order within each partition. Several instances
 * may run: one applies, the others stand by.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #store: PositionStore;
  readonly #freshness: FreshnessTracker;
  readonly #loop: Loop;
  readonly #wakeup = new Wakeup();
  readonly #counts: ApplyCounts = { applied: 0, duplicates: 0, ignored: 0 };
  #state: State = { is: 'down', because: 'not started' };
  #positions: readonly StoredPosition[] = [];
  #failures = 0;
  /** After a failure so many events go one by one, so that all before the one that fails are committed. */
  #carefulEvents = 0;
  /** A gap may only mean that the hint was wrong: look once from the stream's beginning. */
  #fromBeginning = false;
  #lastEventMs = performance.now();

  constructor(config: SubscriberConfig) {
    this.#options = resolveSubscriberOptions(config);
    const { name, source, nats } = this.#options;
    this.#store = new PositionStore(name, source);
    this.#freshness = new FreshnessTracker(nats, source);
    this.#loop = new Loop({
      runOnce: (signal) => this.#runOnce(signal),
      onError: (error) => this.#onError(error),
    });
  }

  /** How fresh what the handlers wrote is. Ask first, read then. */
  freshness(): Freshness {
    return this.#freshness.freshness;
  }

  get status(): SubscriberStatus {
    const { name, source } = this.#options;
    const state = this.#state;
    const because = 'because' in state ? state.because : undefined;
    const lastN = Math.max(0, ...this.#positions.map(({ n }) => n));
    return { name, source, state: state.is, because, lastN, ...this.#counts };
  }

  start(): void {
    this.#loop.start();
  }

  /** Stops after the current batch. */
  async stop(): Promise<void> {
    this.#wakeup.ring();
    await this.#loop.stop();
    await this.#release();
    this.#freshness.close();
    this.#state = { is: 'stopped' };
  }

  async #runOnce(signal: AbortSignal): Promise<Round> {
    const state = this.#state;
    switch (state.is) {
      case 'down':
      case 'halted':
        return this.#connect();
      case 'standby':
        return this.#activate(state.session);
      case 'waiting':
        return this.#openReader(state.session);
      case 'applying':
        return this.#applyBatch(state, signal);
      case 'stopped':
        return { next: 'after', delayMs: HALT_RECHECK_MS };
    }
  }

  async #connect(): Promise<Round> {
    const { databaseUrl, name, logger } = this.#options;
    const session = await Session.open(databaseUrl, `banyan-subscriber ${name}`, logger);
    this.#state = { is: 'standby', session };
    await this.#store.register(session.client);
    return { next: 'now' };
  }

  async #activate(session: Session): Promise<Round> {
    session.check();
    const active = await session.tryActivate(`${this.#options.name}/${this.#options.source}`);
    this.#notePositions(await this.#store.read(session.client));
    if (!active) return { next: 'after', delayMs: this.#options.pollIntervalMs };
    this.#state = { is: 'waiting', session };
    return { next: 'now' };
  }

  async #openReader(session: Session): Promise<Round> {
    session.check();
    const { nats, source, logger, handlers } = this.#options;
    const hint = this.#fromBeginning ? undefined : await this.#store.readHint(session.client);
    const reader = await SourceReader.open(nats, source, { hint, wakeup: this.#wakeup, logger });
    if (reader === undefined) return { next: 'after', delayMs: this.#options.pollIntervalMs };
    const applier = new BatchApplier(session.client, this.#store, handlers);
    this.#lastEventMs = performance.now();
    this.#state = { is: 'applying', session, applier, reader };
    return { next: 'now' };
  }

  async #applyBatch(state: State & { is: 'applying' }, signal: AbortSignal): Promise<Round> {
    state.session.check();
    const events = state.reader.take(this.#carefulEvents > 0 ? 1 : this.#options.batchEvents);
    if (events.length === 0) return this.#idle(state, signal);
    this.#lastEventMs = performance.now();
    const result = await state.applier.apply(events, state.reader.streamCreated);
    this.#count(result);
    this.#notePositions(result.positions);
    if (result.refusal !== undefined) throw result.refusal;
    return { next: 'now' };
  }

  #count({ applied, duplicates, ignored }: ApplyCounts): void {
    this.#counts.applied += applied;
    this.#counts.duplicates += duplicates;
    this.#counts.ignored += ignored;
    this.#carefulEvents = Math.max(0, this.#carefulEvents - applied - ignored);
    if (applied + ignored === 0) return;
    this.#failures = 0;
    this.#fromBeginning = false;
  }

  /** Nothing arrived: wait for it. Reopen the stream if it ended, or if heartbeats tell of events that do not come. */
  async #idle(state: State & { is: 'applying' }, signal: AbortSignal): Promise<Round> {
    const silentMs = performance.now() - this.#lastEventMs;
    const stalled = this.#freshness.behind && silentMs > this.#options.stalledAfterMs;
    if (!stalled && !state.reader.ended) {
      await this.#wakeup.sleep(this.#options.pollIntervalMs, signal);
      return { next: 'now' };
    }
    this.#options.logger.warn('opening the stream again', { source: this.#options.source, stalled });
    this.#fromBeginning = stalled;
    await state.reader.close();
    this.#state = { is: 'waiting', session: state.session };
    return { next: 'after', delayMs: stalled ? 0 : this.#options.pollIntervalMs };
  }

  #notePositions(positions: readonly StoredPosition[]): void {
    this.#positions = positions;
    this.#freshness.notePositions(positions);
  }

  async #onError(error: unknown): Promise<Round> {
    const { logger, name, retryFirstDelayMs: firstMs, retryMaxDelayMs: maxMs } = this.#options;
    await this.#release();
    const because = messageOf(error);
    this.#carefulEvents = this.#options.batchEvents;
    if (isBanyanError(error, 'BANYAN_GAP') && !this.#fromBeginning) {
      this.#fromBeginning = true;
    } else if (isBanyanError(error) && NEEDS_A_PERSON.includes(error.code)) {
      logger.error('halted', { subscriber: name, error: because, remedy: error.remedy });
      this.#state = { is: 'halted', because, code: error.code };
      return { next: 'after', delayMs: HALT_RECHECK_MS };
    }
    logger.warn('will try again', { subscriber: name, error: because });
    this.#state = { is: 'down', because };
    return { next: 'after', delayMs: backoffDelayMs(this.#failures++, { firstMs, maxMs }) };
  }

  async #release(): Promise<void> {
    const state = this.#state;
    try {
      if (state.is === 'applying') await state.reader.close();
    } catch (error) {
      this.#options.logger.debug('closing the reader failed', { error: messageOf(error) });
    }
    if ('session' in state) await state.session.close();
  }
}

/** Makes a subscriber. Call `start` on it. */
export function subscriber(config: SubscriberConfig): Subscriber {
  return new Subscriber(config);
}
