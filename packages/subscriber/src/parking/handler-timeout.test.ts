import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import type { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { on, onBatch, type HandlerEntry } from '../handler.js';
import { subscriber, type Subscriber } from '../subscriber.js';
import { TestSource } from '../testing/test-source.js';

// A busy database lets other handlers wait for as long now and then: three attempts are more than it spoils.
const TIMEOUT_MS = 300;

let database: TestDatabase;
let nats: TestNats;
let source: TestSource;
let running: Subscriber;
/** What handlers wait for that never end by themselves. */
let release: () => void;
let released: Promise<void>;

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint unique, key text)'];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  released = new Promise((resolve) => (release = resolve));
});

afterEach(async () => {
  release();
  await running.stop();
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

function start(handlers: HandlerEntry[], maxAttempts = 3): void {
  running = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers,
    lanes: 1,
    maxAttempts,
    handlerTimeoutMs: TIMEOUT_MS,
    pollIntervalMs: 20,
    parkedFirstDelayMs: 10,
    retryFirstDelayMs: 10,
  });
  running.start();
}

async function insert(tx: Client, position: string, key: string): Promise<void> {
  await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), key]);
}

/** Applies all but the key x, with which it does something else after its write. */
const allBut = (withX: (tx: Client) => Promise<unknown>): HandlerEntry =>
  on(source.renamed, async (tx, { id }, { position }) => {
    await insert(tx, position, id);
    if (id === 'x') await withX(tx);
  });

async function rows<T extends object>(text: string): Promise<T[]> {
  return (await database.pool.query<T>(text)).rows;
}

const applied = async (): Promise<number[]> =>
  (await rows<{ n: number }>('select event_n::int as n from applied order by n')).map(({ n }) => n);

const parked = (): Promise<object[]> =>
  rows('select aggregate_id, state, last_error, events from banyan.parked order by aggregate_id');

const X_IS_PARKED = [
  {
    aggregate_id: 'x',
    state: 'parked',
    last_error: `BANYAN_HANDLER_TIMEOUT: it had not ended after ${TIMEOUT_MS} ms`,
    events: 2,
  },
];

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

describe('a handler that does not end', () => {
  it('fails its own key alone, and can write nothing more', async () => {
    const late: unknown[] = [];
    const lingering = allBut(async (tx) => {
      await released;
      await tx
        .query('insert into applied (key) values ($1)', ['too late'])
        .catch((error: unknown) => late.push(error));
      await tx.query('commit').catch((error: unknown) => late.push(error));
    });
    await source.send('a', 'x', 'b', 'x', 'c');
    start([lingering]);
    await eventually(applied, [1, 3, 5]);
    await eventually(parked, X_IS_PARKED);
    release();
    await eventually(() => late.length >= 2, true);
    expect(await applied()).toEqual([1, 3, 5]);
  });

  it('is ended in the database too, where it waits for a statement', async () => {
    await source.send('a', 'x', 'b', 'x');
    start([allBut((tx) => tx.query('select pg_sleep(3600)'))]);
    await eventually(applied, [1, 3]);
    await eventually(parked, X_IS_PARKED);
    // It was told to end, and does so when it is its turn.
    await eventually(
      () =>
        rows(
          `select from pg_stat_activity where query like '%pg_sleep(3600)%' and pid <> pg_backend_pid()
           and datname = current_database()`,
        ),
      [],
    );
  });

  it('is found in a batch', async () => {
    const batches = onBatch(source.renamed, async (tx, events) => {
      for (const { data, context } of events) await insert(tx, context.position, data.id);
      if (events.some(({ data }) => data.id === 'x')) await released;
    });
    await source.send('a', 'b', 'c', 'x', 'd', 'x', 'e');
    start([batches]);
    await eventually(applied, [1, 2, 3, 5, 7]);
    await eventually(parked, X_IS_PARKED);
  });

  it('is tried again like any that fails', async () => {
    let calls = 0;
    await source.send('x', 'a', 'x');
    start([allBut(() => (++calls < 3 ? released : Promise.resolve()))], 5);
    await eventually(applied, [1, 2, 3]);
    await eventually(parked, []);
  });

  it('does not keep the subscriber from stopping', async () => {
    let called = false;
    await source.send('a', 'x', 'b');
    start([allBut(() => ((called = true), released))]);
    await vi.waitFor(() => expect(called).toBe(true), { timeout: 60_000, interval: 10 });
    const sinceMs = performance.now();
    await running.stop();
    expect(performance.now() - sinceMs).toBeLessThan(20_000);
  });
});
