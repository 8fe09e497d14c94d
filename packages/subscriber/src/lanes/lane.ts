import { PARTITIONS } from '@banyan/contracts';
import {
  backoffDelayMs,
  isBanyanError,
  Loop,
  messageOf,
  Wakeup,
  type ErrorCode,
  type Round,
} from '@banyan/runtime';
import type { FreshnessTracker } from '../freshness/freshness-tracker.js';
import { StallWatch } from '../freshness/stall-watch.js';
import type { PartitionPages } from '../gaps/partition-pages.js';
import { PartitionRepair } from '../gaps/partition-repair.js';
import type { RangeClient } from '../gaps/range-client.js';
import type { HandlerTable } from '../handler-table.js';
import type { IncomingEvent } from '../incoming-event.js';
import type { SubscriberOptions } from '../options.js';
import { nameOfKey, type ParkedStore } from '../parking/parked-store.js';
import type { PositionStore, StreamHint } from '../position-store.js';
import { Session } from '../session.js';
import { Inbox } from './inbox.js';
import { laneOf } from './lane-of.js';
import type { LaneStatus } from './lane-status.js';
import { LaneApplier } from './lane-applier.js';
import type { Applied, ApplyCounts } from './lane-transaction.js';
import type { HeldKey } from './lease-store.js';
import type { SourceReading } from './source-reading.js';

/** Hints are also moved when so many messages have passed that were not for the lane. */
const IDLE_HINT_EVENTS = 1000;

/** What all lanes of a source share. */
export interface LaneContext {
  options: SubscriberOptions;
  source: string;
  instance: string;
  store: PositionStore;
  parked: ParkedStore;
  handlers: HandlerTable;
  reading: SourceReading;
  pages: PartitionPages;
  ranges: RangeClient;
  freshness: FreshnessTracker;
  counts: ApplyCounts;
  /** Why nothing may be applied now: too many keys are parked. */
  brake: () => Error | undefined;
  /** Called after each commit. */
  onApplied: () => void;
  /** Told that the brake has to be put on. */
  onLimit: (error: Error) => void;
}

/**
 * What a lane is doing.
 * - down: no connection; the next round opens one → waiting
 * - waiting: the source has no stream yet → reading
 * - reading: takes what has arrived and applies it; on an error → down
 */
type State =
  | { is: 'down'; because: string; code: ErrorCode | undefined }
  | { is: 'waiting' | 'reading'; session: Session; applier: LaneApplier; inbox: Inbox };

type Open = Exclude<State, { is: 'down' }>;

/** Applies the events of a fixed set of a source's partitions, on a database connection of its own. */
export class Lane {
  readonly lane: number;
  readonly partitions: readonly number[];
  readonly #context: LaneContext;
  readonly #loop: Loop;
  readonly #wakeup = new Wakeup();
  readonly #repairs = new Map<number, PartitionRepair>();
  #state: State = { is: 'down', because: 'not started', code: undefined };
  #due: HeldKey[] = [];
  #failures = 0;
  #stalls = 0;
  readonly #watch: StallWatch;
  /** How far it has taken events, and how far its hint is written. */
  #takenSequence = 0;
  #hintSequence = 0;

  constructor(lane: number, context: LaneContext) {
    this.lane = lane;
    this.#context = context;
    this.#watch = new StallWatch(context.options.stalledAfterMs);
    this.partitions = Array.from({ length: PARTITIONS }, (_, p) => p).filter(
      (partition) => laneOf(partition, context.options.lanes) === lane,
    );
    this.#loop = new Loop({
      runOnce: () => this.#runOnce(),
      onError: (error) => this.#onError(error),
    });
  }

  get status(): LaneStatus {
    const state = this.#state;
    const brake = this.#context.brake();
    const halted = isBanyanError(brake) ? brake : undefined;
    const down = state.is === 'down' ? state : undefined;
    return {
      source: this.#context.source,
      lane: this.lane,
      state: halted === undefined ? state.is : 'halted',
      because: halted?.message ?? down?.because,
      code: halted?.code ?? down?.code,
      stopped: this.#stopped,
    };
  }

  start(): void {
    this.#loop.start();
  }

  /** Stops after the current batch, which may take as long as a handler may. */
  async stop(): Promise<void> {
    const state = this.#state;
    const stopped = this.#loop.stop();
    this.#wakeup.ring();
    if (state.is !== 'down') await state.session.within(this.#context.options.handlerTimeoutMs, stopped);
    await stopped;
    await this.#release();
    this.#state = { is: 'down', because: 'stopped', code: undefined };
  }

  /** Tells which of its parked keys are to be tried now. */
  retry(due: readonly HeldKey[]): void {
    this.#due = due.filter(({ partition }) => this.partitions.includes(partition));
    if (this.#due.length > 0) this.#wakeup.ring();
  }

  get #stopped(): LaneStatus['stopped'] {
    return [...this.#repairs.values()].flatMap(({ partition, stoppedBy }) =>
      stoppedBy === undefined
        ? []
        : [{ partition, because: stoppedBy.message, code: stoppedBy.code, remedy: stoppedBy.remedy }],
    );
  }

  async #runOnce(): Promise<Round> {
    const state = this.#state;
    if (state.is === 'down') return this.#open();
    state.session.check();
    await this.#retryDue(state);
    if (this.#context.brake() !== undefined) return this.#sleep();
    await this.#repair(state);
    return this.#applyNext(state);
  }

  async #open(): Promise<Round> {
    const { options, instance, store, parked, handlers } = this.#context;
    const application = `banyan-subscriber ${instance} ${options.name}`;
    const session = await Session.open(options.databaseUrl, application, options.logger);
    const applier = new LaneApplier(
      session,
      { lane: this.lane, store, parked, handlers, parkedKeysLimit: options.parkedKeysLimit },
      {
        ...options,
        onApplied: (applied) => this.#onApplied(applied),
        onFailed: (event, error) => this.#onFailed(event, error),
      },
    );
    // From here on an error closes the session.
    this.#state = { is: 'waiting', session, applier, inbox: this.#newInbox(undefined) };
    this.#repairs.clear();
    const hint = await store.readHint(session.client, this.lane);
    this.#attach({ is: 'waiting', session, applier }, hint);
    return { next: 'now' };
  }

  #newInbox(hint: StreamHint | undefined): Inbox {
    const { readAheadEvents: events, readAheadBytes: bytes } = this.#context.options;
    return new Inbox(this.lane, { hint, wakeup: this.#wakeup, limits: { events, bytes } });
  }

  #attach(state: Omit<Open, 'inbox'>, hint: StreamHint | undefined): void {
    const inbox = this.#newInbox(hint);
    this.#hintSequence = hint?.sequence ?? 0;
    this.#watch.reset();
    this.#state = { ...state, is: 'waiting', inbox };
    this.#context.reading.attach(inbox);
  }

  async #applyNext(state: Open): Promise<Round> {
    const { inbox, applier } = state;
    const taken = inbox.take(this.#context.options.batchEvents);
    if (taken.length === 0) return this.#idle(state);
    this.#state = { ...state, is: 'reading' };
    this.#takenSequence = taken.at(-1)?.sequence ?? this.#takenSequence;
    this.#watch.reset();
    this.#stalls = 0;
    const created = inbox.readUpTo?.created;
    // What a stopped partition sends is fetched once it goes on.
    const events =
      this.#repairs.size === 0 ? taken : taken.filter(({ partition }) => !this.#repairs.has(partition));
    await applier.apply(events, (part) => this.#hintAfter(part, created));
    this.#failures = 0;
    return { next: 'now' };
  }

  /** Nothing arrived: wait for it. Ask anew if the feed went on without us, or if heartbeats tell of what does not come. */
  async #idle(state: Open): Promise<Round> {
    const { inbox } = state;
    if (inbox.failure !== undefined) throw inbox.failure;
    if (inbox.isOver) return this.#attachAgain(state);
    if (inbox.isFed && state.is === 'waiting') this.#state = { ...state, is: 'reading' };
    if (await this.#isStalled(state)) return { next: 'now' };
    await this.#moveIdleHint(state);
    return this.#sleep();
  }

  async #sleep(): Promise<Round> {
    await this.#wakeup.sleep(this.#context.options.pollIntervalMs);
    return { next: 'now' };
  }

  #attachAgain(state: Open): Round {
    const { readUpTo } = state.inbox;
    this.#attach(state, readUpTo ?? state.inbox.hint);
    return readUpTo === undefined
      ? { next: 'after', delayMs: this.#context.options.pollIntervalMs }
      : { next: 'now' };
  }

  /** The first time the hint is believed, if it is of this very stream; then only the stream's beginning. */
  async #isStalled(state: Open): Promise<boolean> {
    const { freshness, options, reading, source, store } = this.#context;
    const going = this.partitions.filter((partition) => !this.#repairs.has(partition));
    const stalledMs = this.#watch.stalledMs(freshness.isBehind(going));
    if (stalledMs === undefined) return false;
    options.logger.warn('opening the stream again', { source, lane: this.lane, stalledMs });
    const hint = this.#stalls++ === 0 ? await store.readHint(state.session.client, this.lane) : undefined;
    reading.detach(state.inbox);
    await reading.reopen();
    this.#attach(state, hint);
    return true;
  }

  /** So that a restart does not read again what was never for this lane. */
  async #moveIdleHint({ inbox, session }: Open): Promise<void> {
    const { readUpTo } = inbox;
    if (readUpTo === undefined || !inbox.isEmpty || this.#repairs.size > 0) return;
    if (readUpTo.sequence - this.#hintSequence < IDLE_HINT_EVENTS) return;
    this.#hintSequence = readUpTo.sequence;
    await this.#context.store.writeHint(session.client, this.lane, readUpTo);
  }

  #hintAfter(events: readonly IncomingEvent[], created: string | undefined): StreamHint | undefined {
    const sequence = events.at(-1)?.sequence ?? 0;
    if (created === undefined || sequence === 0) return undefined;
    const unapplied = [...this.#repairs.values()].map((repair) => repair.sequence - 1);
    this.#hintSequence = Math.min(sequence, ...unapplied);
    return { created, sequence: this.#hintSequence };
  }

  async #retryDue({ applier }: Open): Promise<void> {
    const due = this.#due;
    this.#due = [];
    for (const key of due) if (await applier.retry(key)) this.#due.push(key);
    if (this.#due.length > 0) this.#wakeup.ring();
  }

  async #repair({ applier }: Open): Promise<void> {
    for (const repair of this.#repairs.values()) {
      const page = repair.page();
      if (page === undefined) continue;
      this.#refused.delete(repair.partition);
      await applier.apply(page.events, () => undefined);
      if (repair.applied(page, this.#refused.get(repair.partition))) this.#repairs.delete(repair.partition);
    }
  }

  readonly #refused = new Map<number, Applied['refusals'][number]>();

  #onApplied(applied: Applied): void {
    const { counts, freshness } = this.#context;
    counts.applied += applied.applied;
    counts.duplicates += applied.duplicates;
    counts.ignored += applied.ignored;
    counts.queued += applied.queued;
    for (const refusal of applied.refusals) this.#onRefused(refusal);
    freshness.noteMoved(applied.positions);
    this.#context.onApplied();
  }

  #onRefused(refusal: Applied['refusals'][number]): void {
    const { pages, ranges, options, source } = this.#context;
    const { partition } = refusal.event;
    this.#refused.set(partition, refusal);
    if (this.#repairs.has(partition)) return;
    const repair = new PartitionRepair(refusal, {
      pages,
      ranges,
      laneSequence: () => this.#takenSequence,
      onChange: () => {
        const { stoppedBy } = repair;
        if (stoppedBy !== undefined) {
          const { message: error, remedy } = stoppedBy;
          options.logger.error('a partition stands still', { source, partition, error, remedy });
        }
        this.#wakeup.ring();
      },
    });
    this.#repairs.set(partition, repair);
  }

  #onFailed(event: IncomingEvent, error: string): void {
    const { freshness, options, source } = this.#context;
    const key = nameOfKey(event);
    freshness.noteParked(key);
    options.logger.error('an event failed; its key is parked', {
      subscriber: options.name,
      source,
      key,
      position: `${event.epoch}.${event.n}`,
      type: event.type,
      error,
    });
  }

  async #onError(error: unknown): Promise<Round> {
    const { options, source, onLimit } = this.#context;
    await this.#release();
    const because = messageOf(error);
    const code = isBanyanError(error) ? error.code : undefined;
    this.#state = { is: 'down', because, code };
    if (isBanyanError(error, 'BANYAN_PARKED_LIMIT')) onLimit(error);
    options.logger.warn('a lane will try again', {
      subscriber: options.name,
      source,
      lane: this.lane,
      error: because,
    });
    const backoff = { firstMs: options.retryFirstDelayMs, maxMs: options.retryMaxDelayMs };
    return { next: 'after', delayMs: backoffDelayMs(this.#failures++, backoff) };
  }

  async #release(): Promise<void> {
    const state = this.#state;
    if (state.is === 'down') return;
    this.#context.reading.detach(state.inbox);
    await state.session.close();
  }
}
