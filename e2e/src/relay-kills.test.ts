import { setTimeout as pause } from 'node:timers/promises';
import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { auditStream, isBalanced } from '@banyan/relay';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RelayProcess } from './relay-process.js';
import { Random } from './traffic/random.js';
import { Writers } from './writers.js';

const KILLS = 20;

let database: TestDatabase;
let nats: TestNats;
let source: string;
let relay: RelayProcess | undefined;

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
});

afterEach(async () => {
  await relay?.end('SIGKILL');
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

async function messages(): Promise<number> {
  const manager = await jetstreamManager(nats.connection);
  return manager.streams.info(streamOf(source)).then(
    ({ state }) => state.messages,
    () => 0,
  );
}

it(`keeps the stream itself free of duplicates, gaps and inversions through ${KILLS} kills of the relay under load`, async () => {
  const random = new Random(7);
  const writers = new Writers(database.pool, 7);
  writers.start(6);
  const options = { natsUrl: nats.url, sources: { [source]: database.url } };
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await messages();
    relay = await RelayProcess.start(options);
    // It has to be at work before it is killed, and the moment of the kill has to vary.
    await vi.waitFor(async () => expect(await messages()).toBeGreaterThan(before), {
      timeout: 60_000,
      interval: 5,
    });
    await pause(random.below(120));
    await relay.end('SIGKILL');
  }
  await writers.stop();
  relay = await RelayProcess.start(options);
  const { committed, rolledBack, broken } = writers.counts;
  expect(broken).toBe(0);
  await vi.waitFor(async () => expect(await messages()).toBe(committed), { timeout: 60_000, interval: 50 });
  const report = await auditStream(database.pool, nats.connection, source);
  expect(report).toMatchObject({ committed, messages: committed });
  expect(isBalanced(report), JSON.stringify(report)).toBe(true);
  expect(rolledBack).toBeGreaterThan(0);
}, 600_000);
