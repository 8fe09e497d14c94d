import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { backoffDelayMs, isBanyanError, Loop, messageOf, Wakeup, type Round } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import pg from 'pg';
import { BackfillService } from './backfill-service.js';
import { BackfillStore, type HeldBackfill } from './backfill-store.js';
import { ChunkSize } from './chunk-size.js';
import { emitChunk, type ChunkOutcome, type ChunkParts } from './chunk.js';
import { readLockSql } from './key-order.js';
import { resolveBackfillerOptions, type BackfillerConfig, type BackfillerOptions } from './options.js';
import { Pace } from './pace.js';
import { RelayLag } from './relay-lag.js';
import { invalid, type Snapshots } from './snapshots.js';

/** How often a backfill that has to wait looks again, in ms. */
const WAITING_MS = 100;

/** Deadlock, serialization, lock not available: others were in the way. */
const COLLISIONS = new Set(['40P01', '40001', '55P03']);

/**
 * What a backfiller is doing.
 * - idle: nothing to do that is not another's → waiting
 * - waiting: holds a backfill, and older transactions are still open → emitting
 * - emitting: chunk after chunk; when it is done, paused or another's → idle
 */
type State =
  | { is: 'idle' }
  | { is: 'waiting'; held: HeldBackfill; chunk: ChunkParts }
  | { is: 'emitting'; held: HeldBackfill; chunk: ChunkParts };

/**
 * Emits snapshots of a source's rows when asked over NATS. Every process of the source may run one: they share the work by
 * their database, one at a time, and go on with what another leaves behind.
 */
export class Backfiller {
  readonly #options: BackfillerOptions;
  readonly #holder = `${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
  readonly #pool: pg.Pool;
  readonly #store: BackfillStore;
  readonly #service: BackfillService;
  readonly #lag: RelayLag;
  readonly #loop: Loop;
  readonly #wakeup = new Wakeup();
  readonly #pace = new Pace();
  readonly #size: ChunkSize;
  #state: State = { is: 'idle' };
  #isStarted = false;
  #nats: NatsConnection | undefined;
  #failures = 0;

  constructor(config: BackfillerConfig) {
    const options = resolveBackfillerOptions(config);
    const { databaseUrl, source, logger, chunkMs, chunkRows } = options;
    this.#options = options;
    const pool = new pg.Pool({
      connectionString: databaseUrl,
      max: 2,
      connectionTimeoutMillis: 5000,
      application_name: `banyan-backfill ${source}`,
    });
    pool.on('error', (error) => logger.warn('database connection lost', { source, error: messageOf(error) }));
    // The pool listens to idle connections only: unheard, the error of one in use would end the process.
    pool.on('connect', (client) => client.on('error', () => undefined));
    this.#pool = pool;
    this.#store = new BackfillStore(pool, this.#holder);
    this.#lag = new RelayLag(source);
    this.#size = new ChunkSize({ targetMs: chunkMs, most: chunkRows });
    const onChange = (): void => this.#wakeup.ring();
    this.#service = new BackfillService({ options, db: pool, store: this.#store, onChange });
    this.#loop = new Loop({
      runOnce: (signal) => this.#runOnce(signal),
      onError: (error) => this.#onError(error),
    });
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const { nats, source, logger } = this.#options;
    if (!('then' in nats)) {
      this.#begin(nats);
      return;
    }
    nats
      .then((connection) => this.#begin(connection))
      .catch((error: unknown) =>
        logger.warn('nothing can be backfilled', { source, error: messageOf(error) }),
      );
  }

  /** Stops after the current chunk; another process goes on at once. Stopping twice is legal. */
  async stop(): Promise<void> {
    const stopped = Promise.all([this.#loop.stop(), this.#service.stop()]);
    this.#wakeup.ring();
    await stopped;
    this.#lag.close();
    if (this.#pool.ended) return;
    await this.#store.release().catch(() => undefined);
    await this.#pool.end();
  }

  #begin(nats: NatsConnection): void {
    if (this.#loop.signal.aborted) return;
    this.#nats = nats;
    this.#service.start(nats);
    this.#loop.start();
  }

  async #runOnce(signal: AbortSignal): Promise<Round> {
    const state = this.#state;
    switch (state.is) {
      case 'idle':
        return this.#take(signal);
      case 'waiting':
        return this.#awaitOlder(state, signal);
      case 'emitting':
        return this.#emitNext(state, signal);
    }
  }

  async #take(signal: AbortSignal): Promise<Round> {
    const { snapshots, leaseMs, pollIntervalMs, logger, source } = this.#options;
    const held = await this.#store.take(
      snapshots.map(({ aggregate }) => aggregate),
      leaseMs,
    );
    if (held === undefined) {
      await this.#wakeup.sleep(pollIntervalMs, signal);
      return { next: 'now' };
    }
    logger.info('backfilling', { source, aggregate: held.aggregate, id: held.id });
    if (this.#nats !== undefined) this.#lag.watch(this.#nats, held);
    this.#state = { is: held.begun ? 'emitting' : 'waiting', held, chunk: await this.#partsOf(held) };
    return { next: 'now' };
  }

  async #partsOf({ id, aggregate }: HeldBackfill): Promise<ChunkParts> {
    const { lockTimeoutMs, leaseMs } = this.#options;
    const snapshots = this.#snapshotsOf(aggregate);
    const lockSql = await this.#orFail(id, () => readLockSql(this.#pool, snapshots));
    return { id, holder: this.#holder, snapshots, lockSql, lockTimeoutMs, leaseMs };
  }

  async #awaitOlder(state: State & { is: 'waiting' }, signal: AbortSignal): Promise<Round> {
    const { held, chunk } = state;
    const begun = await this.#store.awaitOlder(held.id, chunk.snapshots.table, this.#options.leaseMs);
    if (begun) this.#state = { ...state, is: 'emitting' };
    // Paused, cancelled or another's: found out by looking anew.
    else this.#state = { is: 'idle' };
    if (!begun) await this.#wakeup.sleep(WAITING_MS, signal);
    return { next: 'now' };
  }

  async #emitNext({ held, chunk }: State & { is: 'emitting' }, signal: AbortSignal): Promise<Round> {
    const { maxRelayLagMs, leaseMs } = this.#options;
    const slow = this.#lag.excess(maxRelayLagMs);
    if (slow !== undefined) {
      await this.#store.noteSlow(held.id, slow, leaseMs);
      // It may have been paused or cancelled meanwhile.
      this.#state = { is: 'idle' };
      await this.#wakeup.sleep(WAITING_MS, signal);
      return { next: 'now' };
    }
    const startedMs = performance.now();
    const outcome = await this.#orFail(held.id, () => this.#emit(chunk, held));
    if (outcome.is === 'lost') this.#state = { is: 'idle' };
    else await this.#emitted(held, outcome, startedMs);
    this.#failures = 0;
    return { next: 'after', delayMs: this.#pace.waitMs };
  }

  /** A low rate takes small chunks, so that the rows come evenly. */
  async #emit(chunk: ChunkParts, { rowsPerSecond }: HeldBackfill): Promise<ChunkOutcome> {
    const rows = Math.min(this.#size.rows, Math.max(1, Math.ceil(rowsPerSecond / 5)));
    const tx = await this.#pool.connect();
    let broken = false;
    try {
      return await emitChunk(tx, rows, chunk);
    } catch (error) {
      broken = !(error instanceof pg.DatabaseError);
      throw error;
    } finally {
      tx.release(broken);
    }
  }

  async #emitted(
    held: HeldBackfill,
    outcome: Exclude<ChunkOutcome, { is: 'lost' }>,
    startedMs: number,
  ): Promise<void> {
    this.#size.took(outcome.rows, performance.now() - startedMs);
    this.#pace.spent(outcome.rows, held.rowsPerSecond, startedMs);
    if (outcome.is !== 'done') return;
    const { logger, source } = this.#options;
    logger.info('backfill done', { source, aggregate: held.aggregate, id: held.id });
    this.#state = { is: 'idle' };
    await this.#store.release();
  }

  #snapshotsOf(aggregate: string): Snapshots {
    const found = this.#options.snapshots.find((each) => each.aggregate === aggregate);
    if (found === undefined) throw invalid(aggregate, 'there are none');
    return found;
  }

  /** What cannot be mended by trying again stops the backfill until somebody has. */
  async #orFail<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const isOurs =
        isBanyanError(error) || (error instanceof pg.DatabaseError && isDefect(error.code ?? ''));
      if (isOurs) await this.#store.fail(id, messageOf(error));
      throw error;
    }
  }

  async #onError(error: unknown): Promise<Round> {
    const { logger, source } = this.#options;
    const state = this.#state;
    const collided = error instanceof pg.DatabaseError && COLLISIONS.has(error.code ?? '');
    if (collided) this.#size.collided();
    else logger.warn('a backfill will try again', { source, error: messageOf(error) });
    if (state.is !== 'idle') {
      await this.#store.noteError(state.held.id, messageOf(error)).catch(() => undefined);
      if (!collided) this.#state = { is: 'idle' };
    }
    return { next: 'after', delayMs: backoffDelayMs(this.#failures++, { firstMs: 20, maxMs: 5000 }) };
  }
}

/** Wrong SQL, wrong data, refused by banyan.emit: not a matter of time. */
function isDefect(sqlState: string): boolean {
  return /^(22|23|42|ZB)/.test(sqlState);
}
