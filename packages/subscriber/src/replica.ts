import type { EventDefinition } from '@banyan/contracts';
import { BanyanError, type Queryable } from '@banyan/runtime';
import { on, type HandlerEntry } from './handler.js';

/** A row of a replica: column name to value. */
export type ReplicaRow = Record<string, string | number | boolean | Date | Uint8Array | null>;

/** Turns one type of event into the row of its aggregate, as it is after the event. Made by `rowFrom`. */
export interface ReplicaMapping {
  toEntry: (upsert: (tx: Queryable, row: ReplicaRow) => Promise<void>) => HandlerEntry;
}

/** Says which row an event leaves behind. Every mapping of a replica gives the same columns. */
export function rowFrom<T>(definition: EventDefinition<T>, row: (data: T) => ReplicaRow): ReplicaMapping {
  return { toEntry: (upsert) => on(definition, (tx, data) => upsert(tx, row(data))) };
}

export interface ReplicaOptions {
  /** The table, with its schema if it is not on the search path: `tasks.project_replica`. */
  table: string;
  /** The column that is the primary key. */
  key: string;
  /** The columns, the key among them. */
  columns: readonly string[];
  mappings: readonly ReplicaMapping[];
}

/**
 * The handlers of a replica: a table that follows another service's aggregates, one row each. Rows are ordered by the
 * position of their events, so each event's row simply replaces the one before.
 */
export class Replica {
  readonly handlers: readonly HandlerEntry[];
  readonly #options: ReplicaOptions;
  readonly #upsert: string;

  constructor(options: ReplicaOptions) {
    const { columns, key, table } = options;
    if (!columns.includes(key))
      throw invalid(table, `the key ${key} is not among the columns ${columns.join(', ')}`);
    for (const name of [...table.split('.'), ...columns]) assertIdentifier(table, name);
    this.#options = options;
    this.#upsert = upsertOf(options);
    this.handlers = options.mappings.map((mapping) => mapping.toEntry((tx, row) => this.#write(tx, row)));
  }

  /** Checks that the table has the columns and the key. @throws BanyanError BANYAN_REPLICA_INVALID */
  async check(db: Queryable): Promise<void> {
    const { table, columns, key } = this.#options;
    const { rows } = await db.query<{ name: string; unique: boolean }>(READ_COLUMNS, [table]);
    if (rows.length === 0) throw invalid(table, 'the table does not exist');
    const missing = columns.filter((column) => !rows.some(({ name }) => name === column));
    if (missing.length > 0) throw invalid(table, `columns are missing: ${missing.join(', ')}`);
    if (!rows.some(({ name, unique }) => name === key && unique))
      throw invalid(table, `${key} is not its primary key`);
  }

  async #write(tx: Queryable, row: ReplicaRow): Promise<void> {
    const unknown = Object.keys(row).filter((column) => !this.#options.columns.includes(column));
    if (unknown.length > 0)
      throw invalid(this.#options.table, `a mapping gives unknown columns: ${unknown.join(', ')}`);
    await tx.query(
      this.#upsert,
      this.#options.columns.map((column) => this.#valueOf(row, column)),
    );
  }

  #valueOf(row: ReplicaRow, column: string): unknown {
    const value = row[column];
    if (value === undefined) throw invalid(this.#options.table, `a mapping gives no value for ${column}`);
    return value;
  }
}

/** Defines a replica. */
export function replica(options: ReplicaOptions): Replica {
  return new Replica(options);
}

const READ_COLUMNS = `
select a.attname as name,
  exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as unique
from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`;

function upsertOf({ table, key, columns }: ReplicaOptions): string {
  const rest = columns.filter((column) => column !== key).map((column) => `${column} = excluded.${column}`);
  const values = columns.map((_, index) => `$${index + 1}`);
  const action = rest.length === 0 ? 'do nothing' : `do update set ${rest.join(', ')}`;
  return `insert into ${table} (${columns.join(', ')}) values (${values.join(', ')}) on conflict (${key}) ${action}`;
}

function assertIdentifier(table: string, name: string): void {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name))
    throw invalid(table, `${JSON.stringify(name)} is no plain SQL name`);
}

function invalid(table: string, what: string): BanyanError {
  return new BanyanError('BANYAN_REPLICA_INVALID', `replica ${table}: ${what}`);
}
