import type { EventDefinition } from '@banyan/contracts';
import { BanyanError, type Queryable } from '@banyan/runtime';

/**
 * The keys of a chunk, a list for each key column, in text: ready to be a query's parameters.
 * `['1', '2']` of one column is `[['1', '2']]`; two rows of a key of two columns are `[['t1', 't1'], ['m1', 'm2']]`.
 */
export type SnapshotKeys = readonly (readonly string[])[];

/** How the rows of one aggregate become snapshot events. */
export interface SnapshotOptions<T> {
  /** The event that tells of an aggregate as it is, e.g. `ProjectSnapshotEvent`. Its aggregate gives the backfill its name. */
  event: EventDefinition<T>;
  /** The table with one row for each aggregate: the row that its writers change, and so lock, before they emit. */
  table: string;
  /** The primary key, or another unique key without nulls, in the order of its index. It must never change. */
  key: string | readonly string[];
  /**
   * Reads the rows of these keys and what hangs on them, and gives the events' data, one for each key, in any order. The
   * rows are locked by then, so that nobody who locks before it emits can change them until the snapshots are committed.
   */
  load: (tx: Queryable, keys: SnapshotKeys) => Promise<readonly T[]>;
}

/** A snapshot that is ready to be emitted. */
export interface Snapshot {
  id: string;
  version: number;
  payload: Uint8Array;
}

/** What a backfill of one aggregate needs to know. Made by `snapshots`. */
export interface Snapshots {
  readonly source: string;
  readonly aggregate: string;
  readonly type: string;
  readonly table: string;
  readonly key: readonly string[];
  readonly load: (tx: Queryable, keys: SnapshotKeys) => Promise<readonly Snapshot[]>;
}

/**
 * Says how the rows of one aggregate become snapshot events.
 * @throws BanyanError BANYAN_BACKFILL_INVALID
 */
export function snapshots<T>({ event, table, key, load }: SnapshotOptions<T>): Snapshots {
  const columns = typeof key === 'string' ? [key] : [...key];
  for (const name of [...table.split('.'), ...columns]) assertPlain(event.aggregate, name);
  return {
    source: event.source,
    aggregate: event.aggregate,
    type: event.type,
    table,
    key: columns,
    load: async (tx, keys) => {
      const all = await load(tx, keys);
      return all.map((data) => ({
        id: event.keyOf(data),
        version: event.versionOf(data),
        payload: event.encode(data),
      }));
    },
  };
}

/** The names become part of SQL. */
function assertPlain(aggregate: string, name: string): void {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return;
  throw invalid(aggregate, `${JSON.stringify(name)} is no plain SQL name`);
}

export function invalid(aggregate: string, what: string): BanyanError {
  return new BanyanError('BANYAN_BACKFILL_INVALID', `snapshots of ${aggregate}: ${what}`);
}
