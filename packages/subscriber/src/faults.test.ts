import { partitionOf, streamOf } from '@banyan/contracts';
import {
  startProxy,
  testDatabase,
  testNats,
  uniqueName,
  type TcpProxy,
  type TestDatabase,
  type TestNats,
} from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { on } from './handler.js';
import type { SubscriberConfig } from './options.js';
import { subscriber, type Subscriber } from './subscriber.js';
import { TestSource } from './testing/test-source.js';

let database: TestDatabase;
let proxy: TcpProxy;
let nats: TestNats;
let source: TestSource;
let subscribers: Subscriber[];
let afterWrite: (position: string) => void;

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint, key text)'];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  proxy = await startProxy({ target: database.url });
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  subscribers = [];
  afterWrite = () => undefined;
});

afterEach(async () => {
  await Promise.all(subscribers.map((each) => each.stop()));
  await proxy.close();
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

function start(config: Partial<SubscriberConfig> = {}): Subscriber {
  const made = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: proxy.url,
    nats: nats.connection,
    handlers: [
      on(source.renamed, async (tx, { id }, { position }) => {
        await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), id]);
        afterWrite(position);
      }),
    ],
    lanes: 1,
    pollIntervalMs: 20,
    retryFirstDelayMs: 10,
    ...config,
  });
  subscribers.push(made);
  made.start();
  return made;
}

const applied = async (): Promise<number[]> => {
  const { rows } = await database.pool.query<{ n: number }>(
    'select event_n::int as n from applied order by event_n',
  );
  return rows.map(({ n }) => n);
};

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

describe('a connection that breaks', () => {
  it('after the writes and before the position moves leaves nothing of either', async () => {
    await database.pool.query(`
      create sequence moves;
      create function break_once() returns trigger language plpgsql as $$
      begin
        if nextval('moves') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
        return new;
      end $$;
      create trigger break_once before update on banyan.position for each row execute function break_once()`);
    await source.send('a', 'b', 'a');
    const running = start();
    await eventually(() => running.status.applied, 3);
    expect(await applied()).toEqual([1, 2, 3]);
    const { rows } = await database.pool.query<{ n: number }>('select last_value::int as n from moves');
    expect(rows[0]?.n).toBeGreaterThan(1);
  });

  it('between the commit and its answer lets nothing be done again', async () => {
    await source.send('a', 'b', 'a');
    // Slow enough for the commit's answer to be on its way when what was committed is seen.
    afterWrite = (position) => {
      if (position === '1.3') proxy.delay(300);
    };
    start();
    await eventually(applied, [1, 2, 3]);
    afterWrite = () => undefined;
    proxy.cut();
    proxy.delay(0);
    await source.send('b', 'a');
    await eventually(applied, [1, 2, 3, 4, 5]);
  });
});

describe('a database that falls silent', () => {
  it('does not keep the subscriber from stopping', async () => {
    await source.send('a');
    const running = start({ leaseMs: 500, handlerTimeoutMs: 500 });
    await eventually(applied, [1]);
    proxy.pause();
    await source.send('a');
    const sinceMs = performance.now();
    await running.stop();
    expect(performance.now() - sinceMs).toBeLessThan(25_000);
    proxy.resume();
    expect(await applied()).toEqual([1]);
    start();
    await eventually(applied, [1, 2]);
  });
});

describe('a stream that somebody purges', () => {
  const purge = async (): Promise<void> => {
    const manager = await jetstreamManager(nats.connection);
    await manager.streams.purge(streamOf(source.name));
  };

  it('goes on after what was applied', async () => {
    await source.send('a', 'b', 'a');
    const running = start();
    await eventually(applied, [1, 2, 3]);
    await purge();
    await source.send('a');
    await eventually(applied, [1, 2, 3, 4]);
    await running.stop();
    await purge();
    await source.send('b');
    start();
    await eventually(applied, [1, 2, 3, 4, 5]);
  });

  it('is not stepped over where it had events that nobody applied', async () => {
    await source.send('a', 'b');
    const first = start();
    await eventually(applied, [1, 2]);
    await first.stop();
    await source.send('a');
    await purge();
    await source.send('a', 'b');
    const second = start();
    await eventually(
      () => second.status.sources[0]?.lanes.flatMap((lane) => lane.stopped),
      [
        expect.objectContaining({
          partition: partitionOf('project', 'a'),
          code: 'BANYAN_GAP_UNSERVED',
          because: expect.stringMatching(/stands at 1\.1, and event 1\.4 \(after 1\.3\) came/),
        }),
      ],
    );
    await eventually(applied, [1, 2, 5]);
  });
});
