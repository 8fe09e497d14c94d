import {
  backoffDelayMs,
  BanyanError,
  isBanyanError,
  Loop,
  messageOf,
  Wakeup,
  wait,
  type ErrorCode,
  type Round,
} from '@banyan/runtime';
import { describe } from '../fault.js';
import { oldest, type Freshness } from '../freshness/freshness.js';
import { Entries } from './entries.js';
import { FollowedSource, incomplete } from './followed-source.js';
import {
  resolveMemoryOptions,
  type FillFromTable,
  type MemoryReplicaConfig,
  type MemoryReplicaOptions,
} from './options.js';
import { readTable } from './table-fill.js';
import { PartitionTrack } from './track.js';

/**
 * - filling: it does not answer; first a table is read, or the stream up to its end
 * - following: it answers
 * - failed: it does not answer; it fills itself anew after a delay → filling. Too many entries: it stays so.
 * - stopped
 */
type State<V> =
  | { is: 'filling'; failedBefore?: Error | undefined }
  | { is: 'following'; entries: Entries<V> }
  | { is: 'failed'; error: Error }
  | { is: 'stopped' };

export interface MemoryReplicaStatus {
  name: string;
  state: 'filling' | 'following' | 'failed' | 'stopped';
  /** Why it failed, also while it fills itself anew after that; undefined otherwise. */
  because: string | undefined;
  code: ErrorCode | undefined;
  entries: number;
  /** How often it has been filled. */
  fills: number;
}

/**
 * A map that follows another service's aggregates, for reads that are too hot for a database. Each process has its own. It
 * answers only while it is filled; after a gap, or when the stream was made anew, it fills itself again.
 */
export class MemoryReplica<V> {
  readonly #options: MemoryReplicaOptions<V>;
  readonly #wakeup = new Wakeup();
  readonly #loop: Loop;
  readonly #sources: readonly FollowedSource[];
  #entries: Entries<V>;
  /** Sequences up to which the streams have to be read before it is filled; undefined: it is. */
  #targets: ReadonlyMap<FollowedSource, number> | undefined;
  #state: State<V> = { is: 'stopped' };
  #fills = 0;
  #failures = 0;

  constructor(config: MemoryReplicaConfig<V>) {
    const options = resolveMemoryOptions(config);
    this.#options = options;
    this.#entries = this.#newEntries();
    this.#sources = options.sources.map(
      (source) =>
        new FollowedSource({
          ...options,
          source,
          wakeup: this.#wakeup,
          apply: (event) => this.#entries.apply(event),
        }),
    );
    this.#loop = new Loop({ runOnce: () => this.#runOnce(), onError: (error) => this.#onError(error) });
  }

  /**
   * The entry of a key, or undefined if there is none. A map lookup. What it returns is the replica's own: do not change it.
   * @throws BanyanError BANYAN_REPLICA_STALE while it is not filled, or for an entry whose last event could not be mapped
   */
  get(key: string): Readonly<V> | undefined {
    return this.#filled.get(key);
  }

  /** Entries. @throws BanyanError BANYAN_REPLICA_STALE while it is not filled */
  get size(): number {
    return this.#filled.size;
  }

  /** How fresh it is; nothing is known while it is not filled. Ask first, read then. Cheap. */
  freshness(): Freshness {
    if (this.#state.is !== 'following') return { asOfMs: undefined };
    return { asOfMs: oldest(this.#sources.map(({ freshness }) => freshness.asOfMs)) };
  }

  get status(): MemoryReplicaStatus {
    const state = this.#state;
    const error = failureOf(state);
    return {
      name: this.#options.name,
      state: state.is,
      because: error?.message,
      code: isBanyanError(error) ? error.code : undefined,
      entries: this.#entries.size,
      fills: this.#fills,
    };
  }

  start(): void {
    if (this.#state.is !== 'stopped') return;
    this.#state = { is: 'filling' };
    this.#loop.start();
  }

  /** Waits until it is filled. @throws BanyanError BANYAN_REPLICA_STALE, with what it failed of, when the time is over */
  async untilFilled({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (this.#state.is !== 'following' && performance.now() < deadlineMs) await wait(5);
    if (this.#state.is !== 'following') throw this.#notFilled(this.#state);
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#wakeup.ring();
    await stopped;
    for (const source of this.#sources) source.stop();
    this.#state = { is: 'stopped' };
  }

  get #filled(): Entries<V> {
    const state = this.#state;
    if (state.is === 'following') return state.entries;
    throw this.#notFilled(state);
  }

  #notFilled(state: Exclude<State<V>, { is: 'following' }>): BanyanError {
    const failure = failureOf(state);
    const why = failure === undefined ? state.is : `failed: ${failure.message}`;
    return new BanyanError('BANYAN_REPLICA_STALE', `replica ${this.#options.name} is not filled (${why})`);
  }

  #newEntries(): Entries<V> {
    const { logger, name } = this.#options;
    return new Entries({
      ...this.#options,
      onFailed: (event, error) =>
        logger.error('a mapping failed; its entry is not answered', {
          replica: name,
          event: describe(event),
          error,
        }),
    });
  }

  async #runOnce(): Promise<Round> {
    if (this.#state.is !== 'following' && this.#targets === undefined) await this.#fill();
    // All sources have their turn.
    const more = this.#sources.map((source) => source.turn()).includes(true);
    this.#settle();
    if (!more) await this.#wakeup.sleep(this.#options.pollIntervalMs);
    return { next: 'now' };
  }

  async #fill(): Promise<void> {
    this.#state = { is: 'filling', failedBefore: failureOf(this.#state) };
    this.#entries = this.#newEntries();
    const { fill } = this.#options;
    this.#targets = fill === 'stream' ? await this.#beginStreams() : await this.#fillFromTable(fill);
  }

  async #beginStreams(): Promise<ReadonlyMap<FollowedSource, number>> {
    const targets = new Map<FollowedSource, number>();
    for (const source of this.#sources) targets.set(source, await source.lastSequence());
    for (const source of this.#sources) source.begin();
    return targets;
  }

  async #fillFromTable(fill: FillFromTable<V>): Promise<ReadonlyMap<FollowedSource, number>> {
    const { sources, maxEntries } = this.#options;
    const { rows, starts } = await readTable(fill, { sources, limit: maxEntries + 1 });
    for (const row of rows) this.#entries.set(...fill.entryOf(row));
    for (const source of this.#sources) {
      const start = starts.get(source.source);
      for (const event of start?.parked ?? []) this.#entries.apply(event);
      source.begin(new PartitionTrack(start?.positions), start?.hint);
    }
    return new Map();
  }

  #settle(): void {
    if (this.#targets === undefined) return;
    for (const [source, sequence] of this.#targets) if (!source.hasRead(sequence)) return;
    this.#targets = undefined;
    this.#failures = 0;
    this.#fills += 1;
    this.#state = { is: 'following', entries: this.#entries };
    for (const source of this.#sources) source.filled();
  }

  #onError(cause: unknown): Promise<Round> {
    const { logger, name, fill, retryFirstDelayMs: firstMs, retryMaxDelayMs: maxMs } = this.#options;
    const gap = isBanyanError(cause, 'BANYAN_GAP') && this.#state.is === 'filling' && fill === 'stream';
    const error = gap
      ? incomplete(cause.rawMessage)
      : cause instanceof Error
        ? cause
        : new Error(messageOf(cause));
    this.#state = { is: 'failed', error };
    this.#targets = undefined;
    for (const { freshness } of this.#sources) freshness.reset();
    logger.warn('a replica in memory answers nothing until it is filled anew', {
      replica: name,
      error: error.message,
    });
    if (!isBanyanError(error, 'BANYAN_REPLICA_FULL'))
      return Promise.resolve({
        next: 'after',
        delayMs: backoffDelayMs(this.#failures++, { firstMs, maxMs }),
      });
    // It would be as full the next time.
    this.#entries = this.#newEntries();
    return Promise.resolve({ next: 'after', delayMs: FOR_GOOD_MS });
  }
}

function failureOf<V>(state: State<V>): Error | undefined {
  if (state.is === 'failed') return state.error;
  return state.is === 'filling' ? state.failedBefore : undefined;
}

/** The longest that a timer can be set for, in ms: 24 days. */
const FOR_GOOD_MS = 2 ** 31 - 1;

/** Makes a replica in memory. Call `start` on it, and `untilFilled` before the first read. */
export function memoryReplica<V>(config: MemoryReplicaConfig<V>): MemoryReplica<V> {
  return new MemoryReplica(config);
}
