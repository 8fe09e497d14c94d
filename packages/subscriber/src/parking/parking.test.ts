import { partitionOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { on, type HandlerEntry } from '../handler.js';
import type { SubscriberConfig } from '../options.js';
import { subscriber, type Subscriber } from '../subscriber.js';
import { TestSource } from '../testing/test-source.js';

let database: TestDatabase;
let nats: TestNats;
let source: TestSource;
let subscribers: Subscriber[];
/** Keys that the handler fails on. */
let bad: Set<string>;

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint unique, key text)'];
  [database, nats] = await Promise.all([testDatabase({ roles: ['subscriber'], statements }), testNats()]);
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  subscribers = [];
  bad = new Set();
});

afterEach(async () => {
  await Promise.all(subscribers.map((each) => each.stop()));
  await source.deleteStream();
  await Promise.all([database.drop(), nats.close()]);
});

const picky = (): HandlerEntry =>
  on(source.renamed, async (tx, { id }, { position }) => {
    await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), id]);
    if (bad.has(id)) throw new Error(`${id} is bad`);
  });

function start(config: Partial<SubscriberConfig> = {}): Subscriber {
  const made = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers: [picky()],
    pollIntervalMs: 20,
    parkedFirstDelayMs: 10,
    retryFirstDelayMs: 10,
    ...config,
  });
  subscribers.push(made);
  made.start();
  return made;
}

async function rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
  return (await database.pool.query<T>(text, values)).rows;
}

const applied = async (): Promise<number[]> =>
  (await rows<{ n: string }>('select event_n as n from applied order by i')).map(({ n }) => Number(n));

const parked = (): Promise<object[]> =>
  rows('select aggregate_id, state, attempts, last_error, events from banyan.parked order by aggregate_id');

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

const retry = (key: string): Promise<object[]> =>
  rows('select banyan.retry_parked($1, $2, $3, $4)', ['test', source.name, 'project', key]);

const skip = (key: string, all: boolean): Promise<object[]> =>
  rows('select banyan.skip_parked($1, $2, $3, $4, $5, $6, $7) as skipped', [
    'test',
    source.name,
    'project',
    key,
    all,
    'a test',
    'me',
  ]);

describe('a key whose event fails', () => {
  it('waits for a person after its attempts, its later events behind it, and all other keys go on', async () => {
    bad.add('x');
    await source.send('a', 'x', 'b', 'x', 'a');
    start({ maxAttempts: 3 });
    await eventually(parked, [
      { aggregate_id: 'x', state: 'parked', attempts: 3, last_error: 'x is bad', events: 2 },
    ]);
    await source.send('x', 'c');
    await eventually(async () => (await applied()).sort(), [1, 3, 5, 7]);
    await eventually(parked, [expect.objectContaining({ events: 3, state: 'parked' })]);
  });

  it('is applied in order once it is put right and tried again, and is free then', async () => {
    bad.add('x');
    await source.send('x', 'a', 'x', 'x');
    start({ maxAttempts: 1 });
    await eventually(parked, [expect.objectContaining({ state: 'parked', events: 3 })]);
    // Another lane's.
    await eventually(applied, [2]);
    bad.clear();
    expect(await retry('x')).toEqual([{ retry_parked: true }]);
    await source.send('x');
    await eventually(applied, [2, 1, 3, 4, 5]);
    await eventually(parked, []);
    expect(await rows('select from banyan.position where held_keys <> 0')).toEqual([]);
    expect(await retry('x')).toEqual([{ retry_parked: false }]);
  });

  it('comes right by itself if a later attempt succeeds', async () => {
    let failures = 3;
    const attempts: number[] = [];
    const flaky = on(source.renamed, async (tx, { id }, { position, attempt }) => {
      attempts.push(attempt);
      if (failures-- > 0) throw new Error('not yet');
      await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), id]);
    });
    await source.send('x');
    start({ handlers: [flaky] });
    await eventually(applied, [1]);
    expect(attempts).toEqual([1, 2, 3, 4]);
    await eventually(parked, []);
  });

  it('holds up none of 9,999 other keys', async () => {
    bad.add('k5000');
    const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}`);
    for (let i = 0; i < keys.length; i += 500) await source.send(...keys.slice(i, i + 500));
    const running = start({ maxAttempts: 1000, parkedMaxDelayMs: 50 });
    await eventually(() => running.status.applied, 9999);
    expect(await rows('select count(*)::int as n from applied')).toEqual([{ n: 9999 }]);
    expect(await parked()).toEqual([expect.objectContaining({ aggregate_id: 'k5000', state: 'retrying' })]);
    // Its partition and its lane, too, are not held up by its attempts.
    const neighbour = keys.find(
      (key, i) => i !== 5000 && partitionOf('project', key) === partitionOf('project', 'k5000'),
    );
    await source.send(neighbour ?? '');
    await eventually(() => running.status.applied, 10_000);
    expect(await parked()).toEqual([expect.objectContaining({ aggregate_id: 'k5000', state: 'retrying' })]);
  });

  it('is found among others in a handler that takes many at once', async () => {
    await database.pool.query(`alter table applied add check (key <> 'x')`);
    await source.send('a', 'b', 'x', 'c', 'd');
    start({ maxAttempts: 1, lanes: 1 });
    await eventually(async () => (await applied()).sort(), [1, 2, 4, 5]);
    await eventually(parked, [expect.objectContaining({ aggregate_id: 'x', state: 'parked' })]);
  });

  it('is parked too if its payload cannot be read', async () => {
    await source.publish(source.next('x'), { payload: 'no JSON' });
    await source.send('a');
    start({ maxAttempts: 1 });
    await eventually(applied, [2]);
    await eventually(parked, [expect.objectContaining({ aggregate_id: 'x', state: 'parked' })]);
  });

  it('makes reads of it stale, lists as old as its event, and nothing else', async () => {
    bad.add('x');
    await source.send('a', 'x');
    const running = start({ maxAttempts: 1 });
    await eventually(parked, [expect.objectContaining({ state: 'parked' })]);
    const nowMs = Date.now() + 60_000;
    source.beat(nowMs);
    await eventually(() => running.freshness({ key: 'project/a' }).asOfMs, nowMs);
    expect(running.freshness({ source: source.name, key: 'project/x' }).asOfMs).toBeUndefined();
    await vi.waitFor(() => expect(running.freshness().listsAsOfMs).toBeGreaterThan(0), { timeout: 60_000 });
    expect(running.freshness().listsAsOfMs).toBeLessThan(nowMs - 1000);
  });
});

describe('skipping', () => {
  it('gives up the first event, with a reason, and applies what waits behind it', async () => {
    bad.add('x');
    await source.send('x', 'x', 'x');
    const running = start({ maxAttempts: 1 });
    await eventually(parked, [expect.objectContaining({ state: 'parked', events: 3 })]);
    bad.clear();
    expect(await skip('x', false)).toEqual([{ skipped: 1 }]);
    await eventually(applied, [2, 3]);
    expect(await rows('select n, reason, skipped_by, last_error from banyan.skipped_event')).toEqual([
      { n: '1', reason: 'a test', skipped_by: 'me', last_error: 'x is bad' },
    ]);
    // What was given up is missing in what is kept of the key.
    await eventually(parked, [expect.objectContaining({ state: 'skipped', events: 0 })]);
    source.beat(Date.now());
    await eventually(() => running.freshness({ key: 'project/x' }).asOfMs, undefined);
    await source.send('x');
    await eventually(applied, [2, 3, 4]);
  });

  it('gives up all that waits', async () => {
    bad.add('x');
    await source.send('x', 'x', 'x');
    start({ maxAttempts: 1 });
    await eventually(parked, [expect.objectContaining({ state: 'parked', events: 3 })]);
    expect(await skip('x', true)).toEqual([{ skipped: 3 }]);
    await expect(
      rows('select banyan.skip_parked($1, $2, $3, $4, true, $5, $6)', [
        'test',
        source.name,
        'project',
        'x',
        '',
        'me',
      ]),
    ).rejects.toThrow(/needs a reason/);
  });
});

describe('many keys that fail', () => {
  it('stop the subscriber at the limit, until some are dealt with', async () => {
    for (const key of ['x1', 'x2', 'x3']) bad.add(key);
    await source.send('x1', 'x2', 'x3', 'a');
    const running = start({ maxAttempts: 1, parkedKeysLimit: 2, lanes: 1 });
    await eventually(
      () => running.status,
      expect.objectContaining({ state: 'halted', code: 'BANYAN_PARKED_LIMIT' }),
    );
    expect(running.status.because).toMatch(/2 keys are parked, and project\/x3 fails too: x3 is bad/);
    expect(await applied()).toEqual([]);
    bad.clear();
    await retry('x1');
    await eventually(async () => (await applied()).sort(), [1, 3, 4]);
    expect(running.status.state).toBe('running');
  });
});

describe('what the database is the reason of', () => {
  it('parks nothing, and is tried again', async () => {
    let conflicts = 3;
    const conflicting = on(source.renamed, async (tx, { id }, { position }) => {
      if (conflicts-- > 0)
        await tx.query(`do $$ begin raise exception 'again' using errcode = '40001'; end $$`);
      await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.slice(2), id]);
    });
    await source.send('a', 'a', 'b');
    const running = start({ handlers: [conflicting] });
    await eventually(async () => (await applied()).sort(), [1, 2, 3]);
    expect(running.status.queued).toBe(0);
    expect(conflicts).toBeLessThan(0);
  });
});
