import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deleteOn, replica, rowFrom } from '../replica/replica.js';
import { on } from '../handler.js';
import { subscriber, type Subscriber } from '../subscriber.js';
import type { SubscriberConfig } from '../options.js';
import { TestSource } from '../testing/test-source.js';
import { entryFrom, removeOn } from './mapping.js';
import { memoryReplica, type MemoryReplica } from './memory-replica.js';
import type { MemoryReplicaConfig } from './options.js';

let database: TestDatabase;
let nats: TestNats;
let source: TestSource;
let running: { stop: () => Promise<void> }[];

beforeEach(async () => {
  const statements = ['create table project_replica (id text primary key, version bigint not null)'];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  source = new TestSource(nats.connection, uniqueName('projects'));
  running = [];
  await source.createStream();
});

afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

function table(handlers: SubscriberConfig['handlers'] = tableHandlers()): Subscriber {
  const made = subscriber({
    name: 'table',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers,
    pollIntervalMs: 20,
  });
  running.push(made);
  made.start();
  return made;
}

const tableHandlers = () => [
  replica({
    table: 'project_replica',
    key: 'id',
    columns: ['id', 'version'],
    version: 'version',
    mappings: [rowFrom(source.renamed, ({ id, version }) => ({ id, version })), deleteOn(source.deleted)],
  }),
];

function memory(config: Partial<MemoryReplicaConfig<number>> = {}): MemoryReplica<number> {
  const made = memoryReplica<number>({
    name: 'projects',
    nats: nats.connection,
    sources: [source.name],
    mappings: [entryFrom(source.renamed, ({ version }) => version), removeOn(source.deleted)],
    fill: {
      databaseUrl: database.url,
      subscriber: 'table',
      sql: 'select id, version from project_replica',
      entryOf: (row) => [String(row['id']), Number(row['version'])],
    },
    pollIntervalMs: 20,
    retryFirstDelayMs: 20,
    retryMaxDelayMs: 50,
    ...config,
  });
  running.push(made);
  made.start();
  return made;
}

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

const rows = async (): Promise<Record<string, number>> => {
  const { rows: found } = await database.pool.query<{ id: string; version: string }>(
    'select * from project_replica',
  );
  return Object.fromEntries(found.map(({ id, version }) => [id, Number(version)]));
};

const entriesOf = (made: MemoryReplica<number>, keys: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const value = made.get(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );

const FILLED = { timeoutMs: 15_000 };

describe('a replica in memory', () => {
  it('that is filled while events flow holds what the table holds', async () => {
    const keys = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const flowing = (async () => {
      for (let version = 1; version <= 15; version++) {
        for (const key of keys) await source.publish(source.next(key, version));
        const gone = keys[version] ?? '';
        await source.publish(source.next(gone, version, { type: 'ProjectDeleted' }));
      }
    })();
    const keeper = table();
    await eventually(() => (keeper.status.sources[0]?.lastN ?? 0) > 50, true);
    const made = memory();
    await made.untilFilled(FILLED);
    await flowing;
    const left = Object.fromEntries(keys.filter((key) => key !== keys[15]).map((key) => [key, 15]));
    await eventually(rows, left);
    await eventually(() => entriesOf(made, keys), left);
    expect(made.size).toBe(19);
    expect(made.status).toMatchObject({ state: 'following', fills: 1 });
  });

  it('is filled from the stream where that holds everything', async () => {
    await source.send('a', 'b');
    await source.publish(source.next('a', 7));
    const made = memory({ fill: 'stream' });
    await made.untilFilled(FILLED);
    expect(entriesOf(made, ['a', 'b'])).toEqual({ a: 7, b: 1 });
    await source.publish(source.next('b', 8));
    await eventually(() => made.get('b'), 8);
  });

  it('refuses to be filled from a stream whose first events are gone', async () => {
    source.next('a');
    await source.publish(source.next('a', 2));
    const made = memory({ fill: 'stream' });
    await eventually(() => made.status.code, 'BANYAN_REPLICA_INCOMPLETE');
    await expect(made.untilFilled({ timeoutMs: 50 })).rejects.toThrow(/stands at 0\.0, and event 1\.2/);
  });

  it('does not answer, and knows no freshness, before it is filled', async () => {
    await source.send('a');
    const made = memory();
    source.beat(1000);
    expect(() => made.get('a')).toThrow(/BANYAN_REPLICA_STALE: replica projects is not filled \(filling\)/);
    await eventually(() => made.status.because, expect.stringMatching(/subscriber table has no positions/));
    expect(() => made.size).toThrow(/BANYAN_REPLICA_STALE/);
    expect(made.freshness()).toEqual({ asOfMs: undefined });
    table();
    await made.untilFilled(FILLED);
    await eventually(() => {
      source.beat(2000);
      return made.freshness().asOfMs;
    }, 2000);
    await eventually(() => made.get('a'), 1);
  });

  it('fills itself anew after a gap, and is stale meanwhile', async () => {
    const keeper = table();
    await source.send('a');
    await eventually(rows, { a: 1 });
    const made = memory();
    await made.untilFilled(FILLED);
    source.beat(1000);
    await eventually(() => made.freshness().asOfMs, 1000);
    await keeper.stop();
    const lost = source.next('a', 2);
    await source.publish(source.next('a', 3));
    await eventually(() => made.status.code, 'BANYAN_GAP');
    expect(made.freshness()).toEqual({ asOfMs: undefined });
    // Somebody has closed the gap in the table, and its subscriber has gone on.
    await database.pool.query('update banyan.position set n = $1 where n = 1', [lost.n]);
    table();
    await eventually(rows, { a: 3 });
    // It may have been filled from the table as it was before, and follows the stream from there.
    await eventually(() => (made.status.state === 'following' ? made.get('a') : undefined), 3);
  });

  it('notices a stream that was made anew', async () => {
    const events = [source.next('a'), source.next('b')];
    for (const event of events) await source.publish(event);
    const made = memory({ fill: 'stream', stalledAfterMs: 300 });
    await made.untilFilled(FILLED);
    await source.deleteStream();
    await source.createStream();
    for (const event of [...events, source.next('a', 5)]) await source.publish(event);
    const beating = setInterval(() => source.beat(Date.now()), 20);
    try {
      await eventually(() => (made.status.state === 'following' ? made.get('a') : undefined), 5);
      expect(made.get('b')).toBe(1);
    } finally {
      clearInterval(beating);
    }
  });

  it('has what waits with a parked key, which the table it was filled from has not', async () => {
    const failing = on(source.renamed, () => Promise.reject(new Error('not today')));
    const keeper = table([failing]);
    await source.publish(source.next('a', 4));
    await eventually(() => keeper.status.sources[0]?.parkedKeys, 1);
    const made = memory();
    await made.untilFilled(FILLED);
    expect(made.get('a')).toBe(4);
  });

  it('stops with a clear error when it has more entries than it may', async () => {
    await source.send('a', 'b', 'c');
    const made = memory({ fill: 'stream', maxEntries: 2 });
    await eventually(() => made.status.code, 'BANYAN_REPLICA_FULL');
    expect(made.status.because).toMatch(/replica projects has more than 2 entries/);
    expect(() => made.get('a')).toThrow(/BANYAN_REPLICA_STALE.*more than 2 entries/);
  });

  it('does not answer for an entry whose last event it could not read, until a later one', async () => {
    await source.send('a', 'b');
    const made = memory({ fill: 'stream' });
    await made.untilFilled(FILLED);
    await source.publish(source.next('a', 2), { payload: 'no JSON' });
    await vi.waitFor(() => expect(() => made.get('a')).toThrow(/entry a is behind: /), { timeout: 60_000 });
    expect(made.get('b')).toBe(1);
    await source.publish(source.next('a', 3));
    await vi.waitFor(() => expect(made.get('a')).toBe(3), { timeout: 60_000 });
  });
});
