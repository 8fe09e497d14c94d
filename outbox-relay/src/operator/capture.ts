import type { CaptureOutcome, RelayTask } from '@banyan/contracts';
import { BanyanError, messageOf } from '@banyan/runtime';
import type { ClientBase } from 'pg';

// A trigger needs a lock that writers of the table are in the way of, and that others then queue behind.
const LOCK_TIMEOUT = `set local lock_timeout = '2s'`;
const STATE = `
select t.table::text as table, exists (select from banyan.captured_table c where c.captured = t.table) as captured
from (select $1::regclass as table) t`;
// Relays' sessions look at their outbox only; tables are named as their owners do.
const NAME_TABLES_AS_OWNERS_DO = `select set_config('search_path', 'public', false)`;
const LIST = `select captured::text as table from banyan.captured_table order by 1`;

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
    const { rows } = await client.query<{ table: string; captured: boolean }>(STATE, [table]);
    const [state] = rows;
    if (state === undefined) throw new Error(`${table} is no table`);
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
