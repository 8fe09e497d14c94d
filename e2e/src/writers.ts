import type { Pool, PoolClient } from 'pg';
import { Random } from './traffic/random.js';

const LOCK = `select banyan.lock_key('project', $1)`;
const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', $2, $3)`;

/** What writers have done so far. */
export interface WriterCounts {
  /** Events of transactions that committed. */
  committed: number;
  rolledBack: number;
}

/**
 * Writers of plain SQL, as in any language: many at once, several events a transaction, a few keys that they fight for,
 * every fourth transaction rolled back, every tenth slow.
 */
export class Writers {
  readonly counts: WriterCounts = { committed: 0, rolledBack: 0 };
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
      const client = await this.#pool.connect();
      try {
        await this.#transaction(client);
      } finally {
        client.release();
      }
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
