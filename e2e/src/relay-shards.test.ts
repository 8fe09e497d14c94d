import { shardsOf, streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { auditStream, isBalanced } from '@banyan/relay';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RelayProcess } from './relay-process.js';

const PATIENT = { timeout: 60_000, interval: 20 };
const EMIT = `select banyan.emit('project', 'k' || i, 'ProjectRenamed', 'x') from generate_series(1, 200) i`;

let database: TestDatabase;
let nats: TestNats;
let names: string[];
let relays: RelayProcess[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  names = shardsOf(uniqueName('projects'), 2);
  relays = [];
  await migrate({ databaseUrl: database.url, roles: ['outbox'], shards: 2 });
  await database.pool.query('select banyan.set_shards(2)');
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.end('SIGKILL')));
  const manager = await jetstreamManager(nats.connection);
  for (const name of names) await manager.streams.delete(streamOf(name)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

async function startRelay(onlyShard: number): Promise<RelayProcess> {
  const flags = ['--shards', '2', '--only-shards', String(onlyShard)];
  const relay = await RelayProcess.start({
    natsUrl: nats.url,
    sources: { [names[0]!]: database.url },
    flags,
  });
  relays.push(relay);
  return relay;
}

async function messages(): Promise<number[]> {
  const manager = await jetstreamManager(nats.connection);
  const infos = names.map((name) => manager.streams.info(streamOf(name)).catch(() => undefined));
  return (await Promise.all(infos)).map((info) => info?.state.messages ?? 0);
}

it('holds up one shard only when the process that leads it is killed', async () => {
  const [, killed] = [await startRelay(0), await startRelay(1)];
  await database.pool.query(EMIT);
  await vi.waitFor(async () => expect(sum(await messages())).toBe(200), PATIENT);
  const [first, second] = await messages();
  await killed.end('SIGKILL');
  await database.pool.query(EMIT);
  await vi.waitFor(async () => expect(await messages()).toEqual([2 * first!, second]), PATIENT);
  await startRelay(1);
  await vi.waitFor(async () => expect(await messages()).toEqual([2 * first!, 2 * second!]), PATIENT);
  for (const name of names) {
    expect(isBalanced(await auditStream(database.pool, nats.connection, name)), name).toBe(true);
  }
}, 240_000);

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
