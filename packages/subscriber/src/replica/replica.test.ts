import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { on, onBatch } from '../handler.js';
import type { SubscriberConfig } from '../options.js';
import { subscriber, type Subscriber } from '../subscriber.js';
import { TestSource } from '../testing/test-source.js';
import { deleteOn, replica, rowFrom, type Replica } from './replica.js';

let database: TestDatabase;
let nats: TestNats;
let source: TestSource;
let subscribers: Subscriber[];

beforeEach(async () => {
  const statements = [
    'create table project_replica (id text primary key, version bigint, seen integer not null default 0)',
    'create table applied (i bigserial, event_n bigint, key text, many integer)',
    `create table rich (id text primary key, at timestamptz, bytes bytea, tags text[], doc jsonb, amount numeric, big bigint)`,
  ];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  subscribers = [];
});

afterEach(async () => {
  await Promise.all(subscribers.map((each) => each.stop()));
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

const projects = (): Replica =>
  replica({
    table: 'project_replica',
    key: 'id',
    version: 'version',
    columns: ['id', 'version'],
    mappings: [rowFrom(source.renamed, ({ id, version }) => ({ id, version })), deleteOn(source.deleted)],
  });

function start(handlers: SubscriberConfig['handlers'], config: Partial<SubscriberConfig> = {}): Subscriber {
  const made = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers,
    pollIntervalMs: 20,
    ...config,
  });
  subscribers.push(made);
  made.start();
  return made;
}

async function rows(text: string): Promise<object[]> {
  return (await database.pool.query<object>(text)).rows;
}

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

const deleted = (key: string, version: number) =>
  source.publish(source.next(key, version, { type: 'ProjectDeleted' }));

const renamed = (key: string, version: number) => source.publish(source.next(key, version));

describe('a replica', () => {
  it('keeps the last row of each key, and a tombstone of what was deleted', async () => {
    await renamed('a', 1);
    await renamed('b', 1);
    await renamed('a', 2);
    await deleted('b', 2);
    start([projects()]);
    await eventually(() => rows('select id, version from project_replica'), [{ id: 'a', version: '2' }]);
    // The two keys need not be applied together.
    await eventually(
      () => rows('select replica, key, version from banyan.tombstone'),
      [{ replica: 'project_replica', key: 'b', version: '2' }],
    );
  });

  it('takes what is created anew after it was deleted', async () => {
    await deleted('a', 1);
    await renamed('a', 2);
    start([projects()], { batchEvents: 1 });
    await eventually(() => rows('select id, version from project_replica'), [{ id: 'a', version: '2' }]);
  });

  it('counts versions that went down', async () => {
    await renamed('a', 3);
    await renamed('a', 2);
    await renamed('a', 4);
    const running = start([projects()], { batchEvents: 1 });
    await eventually(() => rows('select version from project_replica'), [{ version: '4' }]);
    expect(running.status.versionInversions).toEqual({ project_replica: 1 });
    await running.stop();
    await database.pool.query('truncate banyan.subscription cascade');
    const again = start([projects()], { batchEvents: 100 });
    await eventually(() => again.status.applied, 3);
    // One, or two if they did not come in one transaction: the row of before is newer than the second.
    expect(again.status.versionInversions['project_replica']).toBeGreaterThan(0);
  });

  it('is written before any other handler of the same transaction looks', async () => {
    for (const version of [1, 2, 3]) await renamed('a', version);
    const looking = on(source.renamed, async (tx, { id }, { position }) => {
      const found = await tx.query<{ version: string }>('select version from project_replica where id = $1', [
        id,
      ]);
      await tx.query('insert into applied (event_n, key) values ($1, $2)', [
        position.slice(2),
        found.rows[0]?.version,
      ]);
    });
    start([projects(), looking]);
    await eventually(
      () => rows('select event_n, key from applied order by i'),
      [
        { event_n: '1', key: '1' },
        { event_n: '2', key: '2' },
        { event_n: '3', key: '3' },
      ],
    );
  });

  it('writes values of any type as they are', async () => {
    await renamed('a', 1);
    const row = {
      at: new Date(1_700_000_000_123),
      bytes: Buffer.from([0, 255, 92]),
      tags: ['x', 'y"{}', ''],
      doc: { a: [1, null, 'ü'] },
      amount: '12345678901234567890.5',
      big: 9_007_199_254_740_993n,
    };
    const rich = replica({
      table: 'rich',
      key: 'id',
      columns: ['id', ...Object.keys(row)],
      mappings: [rowFrom(source.renamed, ({ id }) => ({ id, ...row }))],
    });
    start([rich]);
    await eventually(() => rows('select * from rich'), [{ id: 'a', ...row, big: String(row.big) }]);
  });
});

describe('waiting for a token', () => {
  it('ends when the version is there, whichever instance brings it', async () => {
    const running = start([projects()]);
    const other = subscriber({
      name: 'test',
      sources: [source.name],
      databaseUrl: database.url,
      nats: nats.connection,
      handlers: [projects()],
    });
    const token = `${source.name}/project/a@2`;
    expect(await other.waitFor(token, { timeoutMs: 20 })).toEqual({ reached: false, because: 'timeout' });
    await renamed('a', 1);
    const waits = [running, other].map((each) => each.waitFor(token, { timeoutMs: 20_000 }));
    await renamed('a', 2);
    expect(await Promise.all(waits)).toEqual([{ reached: true }, { reached: true }]);
    await deleted('a', 3);
    const gone = `${source.name}/project/a@3`;
    expect(await running.waitFor(gone, { timeoutMs: 20_000 })).toEqual({ reached: true });
    await other.stop();
  });

  it('takes positions too, and refuses what is no token', async () => {
    await renamed('a', 1);
    const running = start([projects()]);
    await eventually(() => running.status.applied, 1);
    const at = running.sourceFreshness[0]?.positions.findIndex(({ n }) => n === 1) ?? -1;
    expect(await running.waitFor(`${source.name}:1.1/${at}`, { timeoutMs: 20_000 })).toEqual({
      reached: true,
    });
    await expect(running.waitFor('rubbish', { timeoutMs: 1 })).rejects.toThrow(/BANYAN_TOKEN_INVALID/);
    await expect(running.waitFor(`${source.name}/team/t1@1`, { timeoutMs: 1 })).rejects.toThrow(
      /no replica here keeps versions of .*\/team/,
    );
  });
});

describe('handlers', () => {
  it('of batches get as many events as follow each other, in order', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => `k${i % 3}`);
    await source.send(...keys);
    await deleted('k0', 2);
    await source.send('k0');
    const batches = onBatch(source.renamed, async (tx, events) => {
      for (const { context } of events)
        await tx.query('insert into applied (event_n, key, many) values ($1, $2, $3)', [
          context.position.slice(2),
          context.id,
          events.length,
        ]);
    });
    const single = on(source.deleted, async (tx, { id }) => {
      await tx.query(`insert into applied (event_n, key) values (31, $1)`, [id]);
    });
    start([batches, single], { lanes: 1 });
    await eventually(() => rows('select count(*)::int as n from applied'), [{ n: 32 }]);
    expect(await rows(`select event_n from applied where key = 'k0' order by i desc limit 3`)).toEqual([
      { event_n: '32' },
      { event_n: '31' },
      { event_n: '28' },
    ]);
  });

  it('of a source get the events of all its shards', async () => {
    const shard = new TestSource(nats.connection, `${source.name}-1`);
    await shard.createStream();
    await source.send('a');
    await shard.send('b');
    const running = start([projects()], { sources: [source.name, shard.name] });
    await eventually(() => rows('select id from project_replica order by id'), [{ id: 'a' }, { id: 'b' }]);
    expect(running.status.sources.map((each) => each.source)).toEqual([source.name, shard.name]);
    await running.stop();
    await shard.deleteStream();
    expect(streamOf(shard.name)).toMatch(/_1$/);
  });

  it('of a source that is not read are refused', () => {
    expect(() => start([on(source.renamed, () => Promise.resolve())], { sources: ['teams'] })).toThrow(
      /BANYAN_OPTION_INVALID: subscriber test has a handler for ProjectRenamed of .* reads teams only/,
    );
  });
});
