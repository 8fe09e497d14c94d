import {
  defineEvent,
  encodeHeartbeat,
  formatPosition,
  heartbeatSubjectOf,
  partitionOf,
  streamOf,
  subjectOf,
  subjectsOf,
} from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { headers } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { on, type HandlerEntry } from './handler.js';
import { replica, rowFrom, type Replica } from './replica/replica.js';
import { subscriber, type Subscriber } from './subscriber.js';
import type { SubscriberConfig } from './options.js';

interface Renamed {
  id: string;
  version: number;
}

let source: string;
let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let subscribers: Subscriber[];
let heads: number[];
let lastN: number;

beforeEach(async () => {
  const statements = [
    'create table applied (event_n bigint, key text)',
    'create table project_replica (id text primary key, version bigint)',
  ];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  subscribers = [];
  heads = new Array<number>(64).fill(0);
  lastN = 0;
  await createStream();
});

afterEach(async () => {
  await Promise.all(subscribers.map((each) => each.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

const createStream = (): Promise<unknown> =>
  manager.streams.add({ name: streamOf(source), subjects: [subjectsOf(source)] });

const renamed = () =>
  defineEvent<Renamed>({
    source,
    aggregate: 'project',
    type: 'ProjectRenamed',
    codec: {
      encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
      decode: (input) => JSON.parse(Buffer.from(input).toString()) as Renamed,
    },
    key: ({ id }) => id,
    version: ({ version }) => version,
  });

interface Sent {
  n: number;
  prevN: number;
  key: string;
  version: number;
}

/** The next event of a key, as the relay would publish it; `change` makes it wrong. */
function next(key: string, version = 1, change: Partial<Sent> = {}): Sent {
  const partition = partitionOf('project', key);
  lastN += 1;
  const sent = { n: lastN, prevN: heads[partition] ?? 0, key, version, ...change };
  heads[partition] = sent.n;
  return sent;
}

async function publish({ n, prevN, key, version }: Sent, epoch = 1): Promise<void> {
  const head = headers();
  head.set('ce-id', `id-${n}`);
  head.set('ce-subject', key);
  head.set('ce-time', new Date().toISOString());
  head.set('Banyan-Position', formatPosition(epoch, n));
  head.set('Banyan-Prev', formatPosition(epoch, prevN));
  head.set('Banyan-Version', String(version));
  const subject = subjectOf(source, {
    aggregate: 'project',
    type: 'ProjectRenamed',
    partition: partitionOf('project', key),
  });
  await nats.connection.request(subject, JSON.stringify({ id: key, version }), {
    headers: head,
    timeout: 20_000,
  });
}

function beat(asOfMs: number): void {
  nats.connection.publish(
    heartbeatSubjectOf(source),
    encodeHeartbeat({ source, epoch: 1, tick: 1, n: lastN, heads, asOfMs, timeline: 1 }),
  );
}

const record = (): HandlerEntry =>
  on(renamed(), async (tx, data, { position }) => {
    await tx.query('insert into applied values ($1, $2)', [position.split('.')[1], data.id]);
  });

function start(
  handlers: readonly (HandlerEntry | Replica)[] = [record()],
  config: Partial<SubscriberConfig> = {},
): Subscriber {
  const made = subscriber({
    name: 'test',
    sources: [source],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers,
    ...config,
  });
  subscribers.push(made);
  made.start();
  return made;
}

const applied = async (): Promise<number[]> => {
  const { rows } = await database.pool.query<{ n: string }>(
    'select event_n as n from applied order by event_n',
  );
  return rows.map(({ n }) => Number(n));
};

const laneStates = (running: Subscriber): Set<string> =>
  new Set(running.status.sources.flatMap(({ lanes }) => lanes.map(({ state }) => state)));

const stopped = (running: Subscriber): unknown[] =>
  running.status.sources.flatMap(({ lanes }) => lanes.flatMap((lane) => lane.stopped));

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

describe('applying', () => {
  it('hands each event to its handler once, in the order of its key', async () => {
    for (let i = 0; i < 50; i++) await publish(next(`p${i % 5}`, i));
    start();
    await eventually(
      applied,
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
  });

  it('skips what comes again', async () => {
    const events = [next('a'), next('b'), next('a')];
    for (const event of [...events, ...events]) await publish(event);
    const running = start();
    await eventually(() => running.status.duplicates, 3);
    expect(await applied()).toEqual([1, 2, 3]);
  });

  it('goes on where it was after a stop', async () => {
    await publish(next('a'));
    const first = start();
    await eventually(applied, [1]);
    await first.stop();
    await publish(next('a'));
    const second = start();
    await eventually(applied, [1, 2]);
    expect(second.status.duplicates).toBe(0);
  });

  it('moves over events that no handler wants', async () => {
    await publish(next('a'));
    const running = start([]);
    await eventually(() => running.status, expect.objectContaining({ ignored: 1 }));
  });

  it('tries an event whose handler fails again, and applies nothing of it twice', async () => {
    let failures = 2;
    const flaky = on(renamed(), async (tx, data, { position }) => {
      const n = Number(position.split('.')[1]);
      await tx.query('insert into applied values ($1, $2)', [n, data.id]);
      if (n === 2 && failures-- > 0) throw new Error('not yet');
    });
    for (const key of ['a', 'b', 'c']) await publish(next(key));
    start([flaky], { parkedFirstDelayMs: 10, pollIntervalMs: 20 });
    await eventually(applied, [1, 2, 3]);
  });

  it('does nothing twice when the connection breaks between the writes and the commit', async () => {
    let broken = false;
    const breaking = on(renamed(), async (tx, data, { position }) => {
      const n = Number(position.split('.')[1]);
      await tx.query('insert into applied values ($1, $2)', [n, data.id]);
      if (broken || n !== 2) return;
      broken = true;
      await database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'banyan-subscriber % test' and datname = current_database()`,
      );
    });
    for (const key of ['a', 'b', 'c']) await publish(next(key));
    start([breaking], { retryFirstDelayMs: 10 });
    await eventually(applied, [1, 2, 3]);
  });

  it('lets an instance take over what another one leaves', async () => {
    const first = start();
    await publish(next('a'));
    await eventually(applied, [1]);
    const second = start([record()], { pollIntervalMs: 20 });
    await eventually(() => second.status.sources[0]?.lanes.length, 2);
    await first.stop();
    await eventually(() => second.status.sources[0]?.lanes.length, 4);
    await publish(next('a'));
    await eventually(applied, [1, 2]);
  });
});

describe('the stream', () => {
  it('may come into being after the subscriber', async () => {
    await manager.streams.delete(streamOf(source));
    const running = start([record()], { pollIntervalMs: 20 });
    await eventually(() => laneStates(running), new Set(['waiting']));
    await createStream();
    await publish(next('a'));
    await eventually(applied, [1]);
  });

  it('may be deleted and filled again with the same events and more', async () => {
    const events = [next('a'), next('b'), next('a')];
    for (const event of events) await publish(event);
    start([record()], { stalledAfterMs: 200, pollIntervalMs: 20 });
    await eventually(applied, [1, 2, 3]);
    await manager.streams.delete(streamOf(source));
    await createStream();
    for (const event of [...events, next('b')]) await publish(event);
    const beating = setInterval(() => beat(Date.now()), 50);
    try {
      await eventually(applied, [1, 2, 3, 4]);
    } finally {
      clearInterval(beating);
    }
  });

  it('stops at a gap that nobody can fill, in that partition alone', async () => {
    await publish(next('a'));
    const lost = next('a');
    const after = next('a');
    await publish(after);
    const running = start([record()], { lanes: 1 });
    await publish(next('b'));
    await eventually(
      () => stopped(running),
      [
        expect.objectContaining({
          partition: partitionOf('project', 'a'),
          code: 'BANYAN_GAP_UNSERVED',
          because: expect.stringMatching(
            new RegExp(
              `${source} partition \\d+ stands at 1.1, and event 1.3 \\(after 1.${lost.n}\\) came; .* no relay of the source answers`,
            ),
          ),
        }),
      ],
    );
    await eventually(applied, [1, 4]);
  });

  it('stops at an event of another epoch', async () => {
    await publish(next('a'));
    await publish(next('a'), 2);
    const running = start();
    await eventually(() => stopped(running), [expect.objectContaining({ code: 'BANYAN_OTHER_HISTORY' })]);
    expect(await applied()).toEqual([1]);
  });
});

describe('freshness', () => {
  it('is unknown before the first heartbeat', () => {
    expect(start().freshness()).toEqual({ asOfMs: undefined });
  });

  it('is that of the newest heartbeat whose positions are all applied', async () => {
    await publish(next('a'));
    const running = start();
    await eventually(applied, [1]);
    beat(1000);
    await eventually(() => running.freshness().asOfMs, 1000);
    const late = next('b');
    beat(2000);
    await publish(next('c'));
    await eventually(() => running.status.sources[0]?.lastN, 3);
    expect(running.freshness().asOfMs).toBe(1000);
    await publish(late);
    await eventually(() => running.freshness().asOfMs, 2000);
  });

  it('of a stand-by follows what the active instance has committed', async () => {
    start();
    const standby = start([record()], { pollIntervalMs: 20 });
    await publish(next('a'));
    beat(1000);
    await eventually(() => standby.freshness().asOfMs, 1000);
  });
});

describe('a replica', () => {
  const definition = (table = 'project_replica', columns = ['id', 'version']) =>
    replica({
      table,
      key: 'id',
      columns,
      mappings: [rowFrom(renamed(), ({ id, version }) => ({ id, version }))],
    });

  it('holds the row that the last event of each aggregate leaves behind', async () => {
    for (const [key, version] of [
      ['a', 1],
      ['b', 1],
      ['a', 2],
      ['a', 3],
    ] as const)
      await publish(next(key, version));
    start([definition()]);
    const rows = async (): Promise<object[]> =>
      (await database.pool.query<object>('select * from project_replica order by id')).rows;
    await eventually(rows, [
      { id: 'a', version: '3' },
      { id: 'b', version: '1' },
    ]);
  });

  it('is refused at the start if its table does not fit', async () => {
    await expect(definition().check(database.pool)).resolves.toBeUndefined();
    await expect(definition('nowhere').check(database.pool)).rejects.toThrow(
      /replica nowhere: the table does not exist/,
    );
    const more = definition('project_replica', ['id', 'version', 'nam']);
    await expect(more.check(database.pool)).rejects.toThrow(/columns are missing: nam/);
    const other = replica({ table: 'applied', key: 'key', columns: ['key'], mappings: [] });
    await expect(other.check(database.pool)).rejects.toThrow(/key is not its primary key/);
    expect(() => definition('bad name')).toThrow(/"bad name" is no plain SQL name/);
  });
});
