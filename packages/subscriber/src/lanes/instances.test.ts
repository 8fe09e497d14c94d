import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { on, type HandlerEntry } from '../handler.js';
import type { SubscriberConfig } from '../options.js';
import { subscriber, type Subscriber } from '../subscriber.js';
import { TestSource } from '../testing/test-source.js';

let database: TestDatabase;
let nats: TestNats;
let source: TestSource;
let subscribers: Subscriber[];
let flowing = false;
let flow: Promise<void> | undefined;

const PATIENT = { timeout: 60_000, interval: 10 };

const isFlowing = (): boolean => flowing;

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint, key text)'];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  subscribers = [];
});

afterEach(async () => {
  flowing = false;
  await flow;
  await Promise.all(subscribers.map((each) => each.stop()));
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

const record = (): HandlerEntry =>
  on(source.renamed, async (tx, { id }, { position }) => {
    await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), id]);
  });

function start(config: Partial<SubscriberConfig> = {}): Subscriber {
  const made = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers: [record()],
    pollIntervalMs: 50,
    // Nobody is taken for dead when all of this process stands still.
    leaseMs: 60_000,
    ...config,
  });
  subscribers.push(made);
  made.start();
  return made;
}

const lanesOf = (running: Subscriber): number => running.status.sources[0]?.lanes.length ?? 0;

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), PATIENT);

async function appliedRows(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>('select count(*)::int as n from applied');
  return rows[0]?.n ?? 0;
}

async function totals(): Promise<object> {
  const { rows } = await database.pool.query<object>(`
    select count(*)::int as events, count(distinct event_n)::int as different,
      (select count(*)::int from (select event_n < lag(event_n) over (partition by key order by i) as back from applied) o
       where back) as inversions
    from applied`);
  return rows[0] ?? {};
}

it('share the lanes, from one to two and back to one, while events flow, each once and in order', async () => {
  flowing = true;
  flow = (async () => {
    for (let i = 0; isFlowing(); i++) {
      await source.send(...Array.from({ length: 20 }, (_, k) => `k${(i * 20 + k) % 100}`));
      // No faster than they are applied, or a busy machine has too much left to do at the end.
      await vi.waitFor(async () => expect(await appliedRows()).toBeGreaterThan(source.lastN - 500), PATIENT);
    }
  })();
  const first = start();
  await eventually(() => lanesOf(first), 4);
  const second = start();
  await eventually(() => [lanesOf(first), lanesOf(second)], [2, 2]);
  const before = second.status.applied;
  await vi.waitFor(() => expect(second.status.applied).toBeGreaterThan(before + 50), { timeout: 60_000 });
  await second.stop();
  await eventually(() => lanesOf(first), 4);
  flowing = false;
  await flow;
  const { lastN } = source;
  await eventually(totals, { events: lastN, different: lastN, inversions: 0 });
});

it('apply each event once also when two believe that they have the same partitions', async () => {
  // With different numbers of lanes neither sees the other's leases.
  const both = [start({ lanes: 1, batchEvents: 7 }), start({ lanes: 4, batchEvents: 5 })];
  for (let i = 0; i < 30; i++) await source.send(...Array.from({ length: 50 }, (_, k) => `k${k}`));
  await eventually(totals, { events: 1500, different: 1500, inversions: 0 });
  await vi.waitFor(() => {
    const seen = both.map(({ status }) => status.applied + status.duplicates);
    expect(seen).toEqual([1500, 1500]);
  }, 20_000);
  expect(both.reduce((sum, { status }) => sum + status.applied, 0)).toBe(1500);
});

it('do not wait for a lane that stands still', async () => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const slow = on(source.renamed, async (tx, { id }, { position }) => {
    if (id === 'slow') await gate;
    await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), id]);
  });
  // More of the slow lane than it may read ahead, before what others wait for.
  await source.send(...Array.from({ length: 60 }, () => 'slow'));
  const keys = Array.from({ length: 64 }, (_, i) => `k${i}`);
  await source.send(...keys);
  const running = start({ handlers: [slow], readAheadEvents: 10, batchEvents: 5 });
  await vi.waitFor(() => expect(running.status.applied).toBeGreaterThan(30), { timeout: 60_000 });
  release();
  await eventually(totals, { events: 124, different: 124, inversions: 0 });
});
