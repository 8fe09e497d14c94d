import type { CaptureOutcome, RelayTask } from '@banyan/contracts';
import { BanyanError, messageOf } from '@banyan/runtime';
import type { ClientBase } from 'pg';

// A trigger needs a lock that writers of the table are in the way of, and that others then queue behind.
const LOCK_TIMEOUT = `set local lock_timeout = '2s'`;
// Relays' sessions look at the outbox of their shard only. Capture belongs to the first one, and tables are named as their
// owners name them.
const NAME_TABLES_AS_OWNERS_DO = `select set_config('search_path', 'public, banyan', false)`;
const LIST = `select captured::text as table from captured_table order by 1`;
const STATE = `
select c.oid::regclass::text as table, exists (select from captured_table where captured = c.oid) as captured,
  c.relnamespace::regnamespace::text ~ '^banyan(_[0-9]+)?$' as "isOurs"
from pg_class c where c.oid = $1::regclass`;

const LOCK_NOT_AVAILABLE = '55P03';

/** The tables whose changes are published. */
export async function capturedTables(client: ClientBase): Promise<string[]> {
  await client.query(NAME_TABLES_AS_OWNERS_DO);
  const { rows } = await client.query<{ table: string }>(LIST);
  return rows.map(({ table }) => table);
}

/**
 * Begins or ends the capture of a table, in a transaction of its own. Without `apply` it makes the change and undoes it, so
 * that everything that speaks against it is known.
 *
 * @throws BanyanError BANYAN_CAPTURE_REFUSED with the database's own reason, and the SQL for the table's owner
 */
export async function setCapture(
  client: ClientBase,
  { table, on, apply }: Extract<RelayTask, { do: 'capture' }>,
): Promise<CaptureOutcome> {
  await client.query(NAME_TABLES_AS_OWNERS_DO);
  await client.query('begin');
  try {
    await client.query(LOCK_TIMEOUT);
    const state = await stateOf(client, table);
    if (state.captured === on) return { ...state, changed: false };
    await client.query(`select banyan.${functionOf(on)}($1::regclass)`, [table]);
    if (apply) await client.query('commit');
    return { table: state.table, captured: apply ? on : state.captured, changed: apply };
  } catch (error) {
    throw refused(error, table, on);
  } finally {
    // After a commit there is nothing left to undo, and PostgreSQL says no more than that.
    await client.query('rollback').catch(() => undefined);
  }
}

/** @throws Error if it is no table, or one of the outbox: events about events would never end */
async function stateOf(client: ClientBase, table: string): Promise<{ table: string; captured: boolean }> {
  interface Row {
    table: string;
    captured: boolean;
    isOurs: boolean;
  }
  const { rows } = await client.query<Row>(STATE, [table]);
  const [row] = rows;
  if (row === undefined || row.isOurs) throw new Error(`${table} is not a table of the service's own`);
  return { table: row.table, captured: row.captured };
}

const functionOf = (on: boolean): string => (on ? 'capture_enable' : 'capture_disable');

function refused(error: unknown, table: string, on: boolean): BanyanError {
  const given = error as { code?: unknown; hint?: unknown } | null;
  const what = `${table} cannot be ${on ? 'captured' : 'released'}: ${messageOf(error)}`;
  const sql = `select banyan.${functionOf(on)}('${table.replaceAll("'", "''")}')`;
  const remedy =
    given?.code === LOCK_NOT_AVAILABLE
      ? 'A transaction holds the table; nothing waits for it any more. Try again when it has ended.'
      : typeof given?.hint === 'string'
        ? given.hint
        : `Correct what it names; if the relay’s role does not own the table, its owner runs: ${sql}`;
  return new BanyanError('BANYAN_CAPTURE_REFUSED', what, { cause: error, remedy });
}
