import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { on, onBatch } from '../handler.js';
import type { SubscriberConfig } from '../options.js';
import { replica, rowFrom } from '../replica/replica.js';
import { subscriber, type Subscriber } from '../subscriber.js';
import { TestSource } from '../testing/test-source.js';

let database: TestDatabase;
let nats: TestNats;
let source: TestSource;
let running: Subscriber | undefined;

beforeEach(async () => {
  const statements = [
    'create table applied (event_n bigint primary key, key text)',
    'create table project_replica (id text primary key, version smallint)',
  ];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
});

afterEach(async () => {
  await running?.stop();
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

function start(handlers: SubscriberConfig['handlers']): Subscriber {
  running = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers,
    lanes: 1,
    maxAttempts: 1,
    pollIntervalMs: 20,
  });
  running.start();
  return running;
}

/** Thirty keys, x among them, one event each and a second one of x: all in one transaction. */
const KEYS = [...Array.from({ length: 29 }, (_, i) => (i === 17 ? 'x' : `k${i}`)), 'x'];

async function rows<T extends object>(text: string): Promise<T[]> {
  return (await database.pool.query<T>(text)).rows;
}

async function expectOnlyXParked(because: RegExp): Promise<void> {
  await vi.waitFor(
    async () =>
      expect(await rows('select aggregate_id, events, last_error from banyan.parked')).toEqual([
        { aggregate_id: 'x', events: 2, last_error: expect.stringMatching(because) },
      ]),
    { timeout: 60_000, interval: 10 },
  );
}

describe('an event that fails is found, and all others are applied,', () => {
  it('where a handler writes many events with one statement', async () => {
    await database.pool.query(`alter table applied add check (key <> 'x')`);
    await source.send(...KEYS);
    start([
      onBatch(source.renamed, async (tx, events) => {
        await tx.query('insert into applied select * from unnest($1::bigint[], $2::text[])', [
          events.map(({ context }) => context.position.slice(2)),
          events.map(({ data }) => data.id),
        ]);
      }),
    ]);
    await expectOnlyXParked(/violates check constraint/);
    expect(await rows('select count(*)::int as n from applied')).toEqual([{ n: 28 }]);
  });

  it('where a replica’s table refuses a row', async () => {
    for (const key of KEYS) await source.publish(source.next(key, key === 'x' ? 40_000 : 1));
    start([
      replica({
        table: 'project_replica',
        key: 'id',
        columns: ['id', 'version'],
        mappings: [rowFrom(source.renamed, ({ id, version }) => ({ id, version }))],
      }),
    ]);
    await expectOnlyXParked(/out of range for type smallint/);
    expect(await rows('select count(*)::int as n from project_replica')).toEqual([{ n: 28 }]);
  });

  it('where the transaction fails only when it is committed', async () => {
    await database.pool.query(`
      create table project (key text primary key);
      insert into project select 'k' || i from generate_series(0, 40) i;
      alter table applied add foreign key (key) references project deferrable initially deferred`);
    await source.send(...KEYS);
    start([
      on(source.renamed, async (tx, { id }, { position }) => {
        await tx.query('insert into applied values ($1, $2)', [position.slice(2), id]);
      }),
    ]);
    await expectOnlyXParked(/violates foreign key constraint/);
    expect(await rows('select count(*)::int as n from applied')).toEqual([{ n: 28 }]);
  });

  it('where a handler swallows what the database refused', async () => {
    await source.send(...KEYS);
    start([
      on(source.renamed, async (tx, { id }, { position }) => {
        if (id === 'x') await tx.query('select 1 / 0').catch(() => undefined);
        else await tx.query('insert into applied values ($1, $2)', [position.slice(2), id]);
      }),
    ]);
    await expectOnlyXParked(/./);
    expect(await rows('select count(*)::int as n from applied')).toEqual([{ n: 28 }]);
  });
});
