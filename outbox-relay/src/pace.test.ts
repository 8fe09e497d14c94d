import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { streamOf } from '@banyan/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SourceRelay } from './source-relay.js';

let database: TestDatabase;
let nats: TestNats;
let relay: SourceRelay;
let source: string;

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
  startRelay();
});

afterEach(async () => {
  await relay.stop();
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(): void {
  relay = new SourceRelay({
    source,
    databaseUrl: database.url,
    natsUrl: nats.url,
    // So long that only a NOTIFY explains an event that comes sooner.
    pollIntervalMs: 1000,
  });
  relay.start();
}

async function flag(): Promise<number> {
  const { rows } = await database.pool.query<{ value: string }>(
    'select last_value as value from banyan.relay_asleep',
  );
  return Number(rows[0]?.value);
}

const emit = (key: string): Promise<unknown> =>
  database.pool.query(`select banyan.emit('project', $1, 'ProjectRenamed', 'x')`, [key]);

it('tells writers to notify once nothing comes, and hears them', async () => {
  await vi.waitFor(async () => expect(await flag()).toBe(2), { timeout: 60_000 });
  const tookMs: number[] = [];
  for (let n = 1; n <= 5; n++) {
    const startMs = performance.now();
    await emit(`p${n}`);
    await vi.waitFor(() => expect(relay.status.ackedN).toBe(n), { interval: 2, timeout: 60_000 });
    tookMs.push(performance.now() - startMs);
  }
  expect(tookMs.sort((a, b) => a - b)[2]).toBeLessThan(900);
});

it('silences writers while events keep coming', async () => {
  await vi.waitFor(async () => expect(await flag()).toBe(2), { timeout: 60_000 });
  let awake = false;
  for (let i = 0; i < 2000 && !awake; i++) {
    await Promise.all([emit('a'), emit('b'), emit('c')]);
    awake = (await flag()) === 1;
  }
  expect(awake).toBe(true);
});

it('keeps looking for transactions that may not know that it sleeps', async () => {
  const tookMs: number[] = [];
  for (let n = 1; n <= 3; n++) {
    await relay.stop();
    await database.pool.query(`select setval('banyan.relay_asleep', 1)`);
    const writer = await database.pool.connect();
    await writer.query('begin');
    await writer.query(`select banyan.emit('project', 'old', 'ProjectRenamed', 'x')`);
    startRelay();
    await vi.waitFor(async () => expect(await flag()).toBe(2), { timeout: 60_000 });
    const startMs = performance.now();
    await writer.query('commit');
    writer.release();
    await vi.waitFor(() => expect(relay.status.ackedN).toBe(n), { interval: 2, timeout: 60_000 });
    tookMs.push(performance.now() - startMs);
  }
  expect(tookMs.sort((a, b) => a - b)[1]).toBeLessThan(900);
});
