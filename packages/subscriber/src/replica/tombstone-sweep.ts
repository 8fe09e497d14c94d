import type { Queryable } from '@banyan/runtime';

/** How often old tombstones are looked for, in ms. */
const INTERVAL_MS = 60_000;

const SWEEP = `delete from banyan.tombstone where replica = any($1) and deleted_at < now() - $2 * interval '1 ms'`;

/** Forgets deletions that nobody can hold a token of any more. */
export class TombstoneSweep {
  readonly #tables: readonly string[];
  readonly #keepMs: number;
  #lastMs = -Infinity;

  constructor(tables: readonly string[], keepMs: number) {
    this.#tables = tables;
    this.#keepMs = keepMs;
  }

  async sweep(db: Queryable): Promise<void> {
    if (this.#tables.length === 0 || performance.now() - this.#lastMs < INTERVAL_MS) return;
    this.#lastMs = performance.now();
    await db.query(SWEEP, [this.#tables, this.#keepMs]);
  }
}
