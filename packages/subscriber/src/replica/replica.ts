import { BACKFILL_HEADER, type EventDefinition } from '@banyan/contracts';
import { BanyanError, type Queryable } from '@banyan/runtime';
import type { Client } from 'pg';
import { entryOf, type EventGroup, type HandlerEntry } from '../handler.js';
import { HandlerFailure } from '../fault.js';
import type { IncomingEvent } from '../incoming-event.js';
import { checkTable } from './catalogue.js';
import type { ReplicaCopy } from '../position-store.js';
import { collapse, type Change, type RowChange } from './collapse.js';
import { statementsOf, type ReplicaStatements } from './statements.js';
import { jsonOf, type ReplicaRow, type ReplicaValue } from './row.js';

/** Turns one type of event into what it leaves behind of its aggregate. Made by `rowFrom` and `deleteOn`. */
export interface ReplicaMapping {
  readonly source: string;
  readonly aggregate: string;
  readonly type: string;
  readonly change: (payload: Uint8Array) => RowChange;
}

/** Says which row an event leaves behind. Every mapping of a replica gives the same columns. */
export function rowFrom<T>(definition: EventDefinition<T>, row: (data: T) => ReplicaRow): ReplicaMapping {
  const { source, aggregate, type } = definition;
  return {
    source,
    aggregate,
    type,
    change: (payload) => ({ does: 'upsert', row: row(definition.decode(payload)) }),
  };
}

/**
 * Says that an event deletes the row of its aggregate. A tombstone remembers the version for a while.
 * @param keyOf the row's key; default: the aggregate's id
 */
export function deleteOn<T>(
  definition: EventDefinition<T>,
  keyOf: (data: T) => string | number = (data) => definition.keyOf(data),
): ReplicaMapping {
  const { source, aggregate, type } = definition;
  return {
    source,
    aggregate,
    type,
    change: (payload) => ({ does: 'delete', key: keyOf(definition.decode(payload)) }),
  };
}

export interface ReplicaOptions {
  /** The table, with its schema if it is not on the search path: `tasks.project_replica`. */
  table: string;
  /** The column that is the primary key; its value is the aggregate's id. */
  key: string;
  /** The columns, the key among them. Other columns of the table must have defaults; the replica leaves them alone. */
  columns: readonly string[];
  /** The column that holds the aggregate's version: for tokens, and to count versions that went down. Default: none. */
  version?: string;
  /** What each type of event does to the row: see `rowFrom` and `deleteOn`. */
  mappings: readonly ReplicaMapping[];
}

/**
 * A table that follows another service's aggregates, one row each. Rows are ordered by the position of their events, so the
 * last event of each aggregate decides: of a transaction's events only that is written, all rows in one statement.
 */
export class Replica implements EventGroup {
  readonly takes = 'gathered';
  readonly handlers: readonly HandlerEntry[];
  readonly options: ReplicaOptions;
  readonly #mappings: ReadonlyMap<string, ReplicaMapping>;
  readonly #statements: ReplicaStatements;
  #inversions = 0;
  #copy: { table: string; statements: ReplicaStatements } | undefined;

  constructor(options: ReplicaOptions) {
    const { columns, key, table, version, mappings } = options;
    if (!columns.includes(key))
      throw invalid(table, `the key ${key} is not among the columns ${columns.join(', ')}`);
    if (version !== undefined && !columns.includes(version))
      throw invalid(table, `the version column ${version} is not among the columns ${columns.join(', ')}`);
    for (const name of [...table.split('.'), ...columns]) assertIdentifier(table, name);
    this.options = options;
    this.#statements = statementsOf(options);
    this.#mappings = new Map(mappings.map((mapping) => [keyOfType(mapping), mapping]));
    this.handlers = mappings.map((mapping) => entryOf(mapping, this));
  }

  /** How often a row's version went down: its writer emitted before it locked. Counted since this process started. */
  get inversions(): number {
    return this.#inversions;
  }

  /** Gives the version of a key, deleted ones too. Parameters: the key, the table's name. */
  get readVersionSql(): string {
    return this.#statements.readVersion;
  }

  /** Checks that the table has the columns and the key. @throws BanyanError BANYAN_REPLICA_INVALID */
  async check(db: Queryable): Promise<void> {
    const problem = await checkTable(db, this.options);
    if (problem !== undefined) throw invalid(this.options.table, problem);
  }

  /**
   * Called by the subscriber: writes what the events leave behind, also into the copy if there is one. What was sent for the
   * copy is kept from the live table: else nobody would see what was wrong with it.
   */
  async apply(tx: Client, events: readonly IncomingEvent[], copies: readonly ReplicaCopy[]): Promise<void> {
    const copy = copies.find(({ replica }) => replica === this.options.table);
    const live = copy === undefined ? events : events.filter((event) => !isSentFor(copy, event));
    this.#inversions += await this.#write(tx, live, this.#statements);
    if (copy !== undefined) await this.#write(tx, events, this.#statementsFor(copy));
  }

  /** Returns how many rows' versions went down. */
  async #write(tx: Client, events: readonly IncomingEvent[], statements: ReplicaStatements): Promise<number> {
    const changes = events.map((event) => this.#changeOf(event));
    const { upserts, deletes, inversions } = collapse(changes, this.options);
    const further = upserts.length === 0 ? 0 : await upsert(tx, statements, upserts);
    if (deletes.length > 0) await this.#delete(tx, statements, deletes);
    return inversions + further;
  }

  async #delete(
    tx: Client,
    statements: ReplicaStatements,
    deletes: readonly (readonly [key: string, version: number])[],
  ): Promise<void> {
    const [keys, versions] = [deletes.map(([key]) => key), deletes.map(([, version]) => version)];
    await tx.query(statements.delete([this.options.table, keys, versions]));
  }

  /** Kept as long as the copy is the same one: they are prepared by name. */
  #statementsFor({ copy: table }: ReplicaCopy): ReplicaStatements {
    if (this.#copy?.table !== table)
      this.#copy = { table, statements: statementsOf({ ...this.options, table }) };
    return this.#copy.statements;
  }

  #changeOf(event: IncomingEvent): Change {
    const mapping = this.#mappings.get(keyOfType(event)) ?? this.#mappings.get(keyOfType(event, true));
    if (mapping === undefined) throw invalid(this.options.table, `nothing is said about ${event.type}`);
    try {
      const change = mapping.change(event.payload);
      const version = event.version ?? 0;
      if (change.does === 'delete') return { key: keyText(change.key), version, row: undefined };
      const row = jsonOf(change.row, this.options);
      return { key: keyText(change.row[this.options.key]), version, row };
    } catch (error) {
      throw new HandlerFailure(error, event);
    }
  }
}

/** Defines a replica. */
export function replica(options: ReplicaOptions): Replica {
  return new Replica(options);
}

async function upsert(tx: Client, statements: ReplicaStatements, rows: readonly string[]): Promise<number> {
  const found = await tx.query<{ inversions: string }>(statements.upsert([`[${rows.join(',')}]`]));
  return Number(found.rows[0]?.inversions ?? 0);
}

function isSentFor({ backfills }: ReplicaCopy, { headers }: IncomingEvent): boolean {
  const id = headers.get(BACKFILL_HEADER);
  return id !== '' && backfills.some((backfill) => backfill.id === id);
}

function keyText(value: ReplicaValue | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Shards of a source have the types of the source that they are named after. */
function keyOfType(
  { source, aggregate, type }: Pick<IncomingEvent, 'source' | 'aggregate' | 'type'>,
  withoutShard = false,
): string {
  return `${withoutShard ? source.replace(/-\d+$/, '') : source}/${aggregate}/${type}`;
}

function assertIdentifier(table: string, name: string): void {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name))
    throw invalid(table, `${JSON.stringify(name)} is no plain SQL name`);
}

function invalid(table: string, what: string): BanyanError {
  return new BanyanError('BANYAN_REPLICA_INVALID', `replica ${table}: ${what}`);
}
