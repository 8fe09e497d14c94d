import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { SourceRelay } from '@banyan/relay';
import type { SubscriberStatus } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ChildConfig } from './subscriber-child.js';
import { Random } from './traffic/random.js';

const PROGRAM = fileURLToPath(new URL('../dist/subscriber-child.js', import.meta.url));

let database: TestDatabase;
let nats: TestNats;
let source: string;
let relay: SourceRelay;
let children: ChildProcess[];

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint, key text)'];
  [database, nats] = await Promise.all([
    testDatabase({ roles: ['outbox', 'subscriber'], statements }),
    testNats(),
  ]);
  source = uniqueName('projects');
  relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  relay.start();
  children = [];
});

afterEach(async () => {
  for (const child of children) await end(child);
  await relay.stop();
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

async function startChild(leaseMs = 3_000): Promise<ChildProcess> {
  const config: ChildConfig = { source, databaseUrl: database.url, natsUrl: nats.url, leaseMs };
  const child = fork(PROGRAM, [JSON.stringify(config)], {
    // Not the test runner's own.
    execArgv: [],
  });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function lanesOf(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message');
  child.send('status');
  const [status] = (await answer) as [SubscriberStatus];
  return status.sources[0]?.lanes.length ?? 0;
}

const emit = (count: number): Promise<unknown> =>
  database.pool.query(
    `select banyan.emit('project', 'p' || i % 50, 'ProjectRenamed', convert_to(i::text, 'UTF8'), i) from generate_series(1, $1) i`,
    [count],
  );

async function applied(): Promise<number> {
  const { rows } = await database.pool.query<{ n: number }>('select count(*)::int as n from applied');
  return rows[0]?.n ?? 0;
}

const untilApplied = (count: number): Promise<void> =>
  vi.waitFor(async () => expect(await applied()).toBeGreaterThanOrEqual(count), {
    timeout: 60_000,
    interval: 10,
  });

async function expectOnceEach(count: number): Promise<void> {
  await untilApplied(count);
  const { rows } = await database.pool.query<object>(`
    select count(*)::int as events, count(distinct event_n)::int as different,
      (select count(*)::int from (select event_n < lag(event_n) over (partition by key order by i) as back from applied) o
       where back) as inversions
    from applied`);
  expect(rows).toEqual([{ events: count, different: count, inversions: 0 }]);
}

it('applies each event once, in order, through kills of either of two processes at any moment', async () => {
  const random = new Random(11);
  let emitted = 0;
  let pair = [await startChild(), await startChild()];
  for (let kill = 0; kill < 8; kill++) {
    const before = await applied();
    await emit(500);
    emitted += 500;
    await untilApplied(before + 1);
    await pause(random.below(60));
    const [victim, other] = kill % 2 === 0 ? pair : [pair[1]!, pair[0]!];
    await end(victim!);
    pair = [other!, await startChild()];
  }
  await expectOnceEach(emitted);
}, 300_000);

it('lets the lanes of a killed process go on at once, however long its lease is', async () => {
  const [first, second] = [await startChild(600_000), await startChild(600_000)];
  await vi.waitFor(async () => expect([await lanesOf(first), await lanesOf(second)]).toEqual([2, 2]), 60_000);
  await end(first);
  await vi.waitFor(async () => expect(await lanesOf(second)).toBe(4), { timeout: 60_000, interval: 20 });
  await emit(100);
  await expectOnceEach(100);
}, 240_000);

it('lets the lanes of a frozen process go on when its lease is over, and takes nothing from it when it thaws', async () => {
  const [first, second] = [await startChild(), await startChild()];
  await vi.waitFor(async () => expect([await lanesOf(first), await lanesOf(second)]).toEqual([2, 2]), 60_000);
  await emit(2000);
  await untilApplied(10);
  first.kill('SIGSTOP');
  await vi.waitFor(async () => expect(await lanesOf(second)).toBe(4), { timeout: 60_000, interval: 50 });
  await untilApplied(2000);
  first.kill('SIGCONT');
  await vi.waitFor(async () => expect([await lanesOf(first), await lanesOf(second)]).toEqual([2, 2]), 60_000);
  await emit(500);
  await expectOnceEach(2500);
}, 240_000);
