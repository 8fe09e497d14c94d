import { Pool, type PoolClient } from 'pg';
import { messageOf, seenOnCommit, type Logger } from '@banyan/runtime';
import type { CallContext } from './call-context.js';

/** What a transaction must know of the call that it belongs to. */
export type TransactionTime = Pick<CallContext, 'deadlineMs' | 'signal'>;

/**
 * Opens a pool whose broken idle connections are logged and replaced, instead of ending the process. A statement outside
 * of `inTransaction` may take 30 s.
 */
export function openPool(databaseUrl: string, logger: Logger): Pool {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: 10,
    connectionTimeoutMillis: 3_000,
    statement_timeout: 30_000,
  });
  pool.on('error', (error) => logger.warn('database connection lost', { cause: messageOf(error) }));
  return pool;
}

/**
 * Runs `work` in one transaction and commits it; whatever `work` throws rolls everything back and is thrown on. No
 * statement outlives the call's deadline, and nothing is committed once the caller has given up. What `work` emits counts as
 * seen by the caller once it is committed.
 */
export async function inTransaction<T>(
  pool: Pool,
  time: TransactionTime,
  work: (tx: PoolClient) => Promise<T>,
): Promise<T> {
  time.signal.throwIfAborted();
  const tx = await pool.connect();
  // The pool listens to idle connections only: unheard, the error of one in use would end the process.
  const lost: unknown[] = [];
  const onError = (error: unknown): void => void lost.push(error);
  tx.on('error', onError);
  let broken = false;
  try {
    return await seenOnCommit(() => committed(tx, time, work));
  } catch (error) {
    broken = !(await rolledBack(tx));
    throw lost[0] ?? error;
  } finally {
    tx.off('error', onError);
    tx.release(broken);
  }
}

async function committed<T>(
  tx: PoolClient,
  time: TransactionTime,
  work: (tx: PoolClient) => Promise<T>,
): Promise<T> {
  await tx.query(`begin; set local statement_timeout = ${remainingMs(time)}`);
  const result = await work(tx);
  time.signal.throwIfAborted();
  await tx.query('commit');
  return result;
}

/** 0 would mean no timeout at all. */
function remainingMs({ deadlineMs }: TransactionTime): number {
  return Math.max(1, Math.min(Math.ceil(deadlineMs - Date.now()), 3_600_000));
}

async function rolledBack(tx: PoolClient): Promise<boolean> {
  try {
    await tx.query('rollback');
    return true;
  } catch {
    return false;
  }
}
