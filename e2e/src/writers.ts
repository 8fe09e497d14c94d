import { wait } from '@banyan/runtime';
import type { Pool, PoolClient } from 'pg';
import { Random } from './traffic/random.js';

const LOCK = `select banyan.lock_key('note', $1)`;
const EMIT = `select banyan.emit('note', $1, 'NoteWritten', $2, $3)`;
/** Before a writer whose database has gone tries again, in ms. */
const PAUSE_MS = 25;

/** What writers have done so far. */
export interface WriterCounts {
  /** Events of transactions that committed. */
  committed: number;
  rolledBack: number;
  /** Transactions that ended with an error: whether those committed is not known. */
  broken: number;
}

/**
 * Writers of plain SQL, as in any language: many at once, several events a transaction, a few keys that they fight for,
 * every fourth transaction rolled back, every tenth slow. They go on when their database dies and comes back.
 */
export class Writers {
  readonly counts: WriterCounts = { committed: 0, rolledBack: 0, broken: 0 };
  readonly #pool: Pool;
  readonly #random: Random;
  #stopped = false;
  #running: Promise<void>[] = [];

  constructor(pool: Pool, seed: number) {
    this.#pool = pool;
    this.#random = new Random(seed);
  }

  start(writers: number): void {
    this.#running = Array.from({ length: writers }, () => this.#write());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#once();
      } catch {
        this.counts.broken += 1;
        await wait(PAUSE_MS);
      }
    }
  }

  async #once(): Promise<void> {
    const client = await this.#pool.connect();
    // Said of a connection that is lost between two queries; the next query fails anyway.
    const lost = (): void => undefined;
    client.on('error', lost);
    try {
      await this.#transaction(client);
      client.off('error', lost);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  async #transaction(client: PoolClient): Promise<void> {
    const key = `p${this.#random.zipf(20)}`;
    const events = 1 + this.#random.below(4);
    await client.query('begin');
    await client.query(LOCK, [key]);
    for (let i = 0; i < events; i++)
      await client.query(EMIT, [key, Buffer.alloc(this.#random.below(400)), i + 1]);
    if (this.#random.next() < 0.1) await client.query('select pg_sleep($1)', [this.#random.next() * 0.1]);
    const rollback = this.#random.next() < 0.25;
    await client.query(rollback ? 'rollback' : 'commit');
    this.counts[rollback ? 'rolledBack' : 'committed'] += events;
  }
}
