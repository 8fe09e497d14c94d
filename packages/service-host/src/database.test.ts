import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { silentLogger } from '@banyan/runtime';
import { status as Code } from '@grpc/grpc-js';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inTransaction, openPool, type TransactionTime } from './database.js';
import { CallEnded, statusOf } from './status.js';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await testDatabase({ statements: ['create table note (words text)'] });
  pool = openPool(database.url, silentLogger);
});

beforeEach(async () => {
  await pool.query('truncate note');
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe('a transaction', () => {
  it('commits what the work wrote and returns what it returned', async () => {
    const result = await inTransaction(pool, within(60_000), async (tx) => {
      await tx.query("insert into note values ('kept')");
      return 7;
    });
    expect(result).toBe(7);
    expect(await notes()).toEqual(['kept']);
  });

  it('rolls back when the work throws, and leaves the connection usable', async () => {
    const failing = inTransaction(pool, within(60_000), async (tx) => {
      await tx.query("insert into note values ('lost')");
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await notes()).toEqual([]);
  });

  it('is not committed once the caller has given up', async () => {
    const caller = new AbortController();
    const time = { ...within(60_000), signal: caller.signal };
    const given = inTransaction(pool, time, async (tx) => {
      await tx.query("insert into note values ('late')");
      caller.abort(new CallEnded(Code.CANCELLED, 'the caller gave up'));
    });
    await expect(given).rejects.toThrow('the caller gave up');
    expect(await notes()).toEqual([]);
  });

  it('ends a statement at the deadline, and says so in the status', async () => {
    const slow = inTransaction(pool, within(100), (tx) => tx.query('select pg_sleep(60)'));
    const error: unknown = await slow.catch((thrown: unknown) => thrown);
    expect(statusOf(error, 'teams').code).toBe(Code.DEADLINE_EXCEEDED);
  });

  it('survives a connection that is cut in the middle', async () => {
    const cut = inTransaction(pool, within(60_000), async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      await database.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
      await tx.query('select 1');
    });
    const error: unknown = await cut.catch((thrown: unknown) => thrown);
    expect(statusOf(error, 'teams').code).toBe(Code.UNAVAILABLE);
    expect(await notes()).toEqual([]);
  });
});

describe('a database that is away', () => {
  it('is reported as UNAVAILABLE', async () => {
    const nobody = openPool('postgres://127.0.0.1:1/none', silentLogger);
    const error: unknown = await inTransaction(nobody, within(60_000), () => Promise.resolve()).catch(
      (thrown: unknown) => thrown,
    );
    expect(statusOf(error, 'teams').code).toBe(Code.UNAVAILABLE);
    await nobody.end();
  });
});

function within(ms: number): TransactionTime {
  return { deadlineMs: Date.now() + ms, signal: new AbortController().signal };
}

async function notes(): Promise<string[]> {
  const { rows } = await pool.query<{ words: string }>('select words from note');
  return rows.map(({ words }) => words);
}
