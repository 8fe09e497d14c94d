import type { Client } from 'pg';
import { handOverIndexNames } from './copy-table.js';
import { freeMendedKeys } from './mended-keys.js';
import type { RebuildRow, RebuildStore } from './rebuild-store.js';
import { findTable } from './table-place.js';

/** A reader who comes while the swap waits for others waits no longer than this, in ms. */
const LOCK_TIMEOUT_MS = 40;

const OLDER = `
select a.pid, coalesce(a.application_name, '') as application from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'virtualxid' and l.virtualtransaction = any ($1) limit 3`;

const PARKED = `
select count(*)::integer as keys from banyan.parked_key k join jsonb_to_recordset($2) as b (source text, aggregate text)
  on (k.source = b.source or k.source ~ ('^' || b.source || '-[0-9]+$')) and k.aggregate = b.aggregate
where k.subscriber = $1 and k.state <> 'skipped'`;

const SWAPPED = `
update banyan.rebuild set state = 'swapped', doing = null, last_error = null, ended_at = clock_timestamp(),
  updated_at = clock_timestamp()
where id = $1 and state = 'ready' returning id`;

const ABORTED = `
update banyan.rebuild set state = 'aborted', doing = null, ended_at = clock_timestamp(), updated_at = clock_timestamp()
where id = $1 and state in ('building', 'ready') returning id`;

/** Why a swap has to wait; undefined if it has not. */
export async function obstacleNow(client: Client, row: RebuildRow): Promise<string | undefined> {
  const older = await client.query<{ pid: number; application: string }>(OLDER, [row.waits_for ?? []]);
  const [first] = older.rows;
  if (first !== undefined)
    return `waits for transactions that could see part of the copy: pid ${first.pid} ${first.application}`;
  const parked = await client.query<{ keys: number }>(PARKED, [
    row.subscriber,
    JSON.stringify(row.backfills),
  ]);
  const keys = parked.rows[0]?.keys ?? 0;
  return keys === 0
    ? undefined
    : `waits for ${keys} parked keys, whose rows the copy lacks: retry or skip them`;
}

/**
 * Puts the copy in the place of the live table, in one transaction under the locks of all positions. Readers see the one or
 * the other, and wait for milliseconds.
 * @param mended aggregates of which the copy holds all that the subscriber keeps
 * @throws the database's error 55P03 if somebody holds a lock on the table for longer; nothing is changed then
 */
export async function swap(
  client: Client,
  store: RebuildStore,
  { row, mended }: { row: RebuildRow; mended: RebuildRow['backfills'] },
): Promise<void> {
  const live = await findTable(client, row.replica);
  if (live === undefined) throw new Error(`there is no table ${row.replica}`);
  await inTransaction(client, async () => {
    await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await store.lockPositions(client);
    await client.query(`lock table ${row.replica}, ${row.copy} in access exclusive mode`);
    const { rows } = await client.query(SWAPPED, [row.id]);
    if (rows.length === 0) return;
    const ending = `old_${row.id.slice(0, 8)}`;
    await handOverIndexNames(client, { from: row.replica, to: row.copy, ending });
    await client.query(`alter table ${row.replica} rename to ${unqualified(row.old)}`);
    await client.query(`alter table ${row.copy} rename to ${live.name}`);
    await freeMendedKeys(client, row, mended);
  });
}

/** Ends a rebuild and drops its copy. */
export async function abort(client: Client, store: RebuildStore, row: RebuildRow): Promise<void> {
  await inTransaction(client, async () => {
    await store.lockPositions(client);
    const { rows } = await client.query(ABORTED, [row.id]);
    if (rows.length > 0) await client.query(`drop table if exists ${row.copy}`);
  });
}

export async function dropOld(client: Client, row: RebuildRow): Promise<void> {
  await inTransaction(client, async () => {
    await client.query(`drop table if exists ${row.old}`);
    await client.query('update banyan.rebuild set old_dropped = true where id = $1', [row.id]);
  });
}

export async function inTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level read committed');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

const unqualified = (table: string): string => table.slice(table.lastIndexOf('.') + 1);
