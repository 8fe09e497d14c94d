import { committing, seenOnCommit } from '@banyan/runtime';
import type { Pool, PoolClient } from 'pg';

/** How long the transaction of a call may take. */
export interface CallTime {
  /** When the answer must be there: ms since 1970. */
  readonly deadlineMs: number;
  /** Aborts when the caller has gone away. */
  readonly signal: AbortSignal;
}

/**
 * Runs the work of a call in a transaction: committed when it returns, unless the caller has gone by then; rolled back when it
 * throws. No statement takes longer than the call has left.
 */
export function inCallTransaction<T>(
  pool: Pool,
  time: CallTime,
  work: (tx: PoolClient) => Promise<T>,
): Promise<T> {
  return committing(() => onConnection(pool, time, work));
}

async function onConnection<T>(pool: Pool, time: CallTime, work: (tx: PoolClient) => Promise<T>): Promise<T> {
  time.signal.throwIfAborted();
  const tx = await pool.connect();
  // Unheard, the error of a connection that breaks while it is in use would end the process.
  const onError = (): void => undefined;
  tx.on('error', onError);
  let broken = true;
  try {
    const result = await seenOnCommit(() => committed(tx, time, work));
    broken = false;
    return result;
  } catch (error) {
    broken = !(await rolledBack(tx));
    throw error;
  } finally {
    tx.off('error', onError);
    tx.release(broken);
  }
}

async function committed<T>(
  tx: PoolClient,
  time: CallTime,
  work: (tx: PoolClient) => Promise<T>,
): Promise<T> {
  const leftMs = Math.max(1, Math.min(Math.ceil(time.deadlineMs - Date.now()), 3_600_000));
  await tx.query(`begin; set local statement_timeout = ${leftMs}`);
  const result = await work(tx);
  time.signal.throwIfAborted();
  await tx.query('commit');
  return result;
}

async function rolledBack(tx: PoolClient): Promise<boolean> {
  try {
    await tx.query('rollback');
    return true;
  } catch {
    return false;
  }
}
