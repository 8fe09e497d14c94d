import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defineEvent, streamOf } from '@banyan/contracts';
import {
  startNats,
  temporaryFolder,
  testDatabase,
  uniqueName,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { SourceRelay } from '@banyan/relay';
import { on, subscriber, type Subscriber } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const run = promisify(execFile);

let folder: TemporaryFolder;
let database: TestDatabase;
let server: NatsServer;
let nats: NatsConnection;
let source: string;
let relay: SourceRelay;
let running: Subscriber;

beforeEach(async () => {
  const statements = ['create table applied (i bigserial, event_n bigint, key text)'];
  [folder, database] = await Promise.all([
    temporaryFolder(),
    testDatabase({ roles: ['outbox', 'subscriber'], statements }),
  ]);
  server = await startNats({ own: true, dir: join(folder.path, 'nats') });
  nats = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  source = uniqueName('projects');
  relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: server.url, retryMaxDelayMs: 200 });
  relay.start();
  running = startSubscriber();
});

afterEach(async () => {
  await running.stop();
  await relay.stop();
  await nats.close();
  await server.stop();
  await Promise.all([database.drop(), folder.remove()]);
});

function startSubscriber(): Subscriber {
  const renamed = defineEvent<Uint8Array>({
    source,
    aggregate: 'project',
    type: 'ProjectRenamed',
    codec: { encode: (data) => ({ finish: () => data }), decode: (data) => data },
    key: () => 'unused',
    version: () => 1,
  });
  const handler = on(renamed, async (tx, _data, { position, id }) => {
    await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.split('.')[1], id]);
  });
  const made = subscriber({
    name: 'losses',
    sources: [source],
    databaseUrl: database.url,
    nats,
    handlers: [handler],
    pollIntervalMs: 20,
    stalledAfterMs: 500,
  });
  made.start();
  return made;
}

/** So many events of a few keys. */
async function emit(from: number, to: number): Promise<void> {
  await database.pool.query(
    `select banyan.emit('project', 'p' || i % 7, 'ProjectRenamed', convert_to(i::text, 'UTF8'), i)
     from generate_series($1::bigint, $2::bigint) i`,
    [from, to],
  );
}

/** Each of so many events is applied once, in the order of its key. */
async function untilApplied(count: number): Promise<void> {
  const state = `
    select count(*)::int as events, count(distinct event_n)::int as different,
      (select count(*)::int from (
        select event_n < lag(event_n) over (partition by key order by i) as back from applied) o where back) as inversions
    from applied`;
  await vi.waitFor(
    async () => {
      const { rows } = await database.pool.query<object>(state);
      expect(rows).toEqual([{ events: count, different: count, inversions: 0 }]);
    },
    { timeout: 60_000, interval: 50 },
  );
}

async function copyStore(): Promise<void> {
  const store = join(folder.path, 'nats', 'jetstream');
  await server.stop();
  await run('cp', ['-a', store, join(folder.path, 'older')]);
  await server.restart();
}

/** What a broker's disk does that lost all since it was last synced, and an operator who restores an older copy. */
async function goBackToCopy(): Promise<void> {
  const store = join(folder.path, 'nats', 'jetstream');
  await server.stop();
  await run('rm', ['-r', store]);
  await run('mv', [join(folder.path, 'older'), store]);
  await server.restart();
}

async function lastSequence(): Promise<number> {
  const { state } = await (await jetstreamManager(nats)).streams.info(streamOf(source));
  return state.last_seq;
}

const untilInStream = (sequence: number): Promise<void> =>
  vi.waitFor(async () => expect(await lastSequence()).toBe(sequence), { timeout: 60_000, interval: 50 });

describe('a subscriber applies each event once', () => {
  it('when the stream loses its newest messages after they were applied, and gets them back', async () => {
    await emit(1, 50);
    await untilApplied(50);
    await copyStore();
    await emit(51, 200);
    await untilApplied(200);
    await goBackToCopy();
    await untilInStream(200);
    await emit(201, 220);
    await untilApplied(220);
  }, 240_000);

  it('when it was away meanwhile, and knows a sequence that the stream does not have any more', async () => {
    await emit(1, 50);
    await untilApplied(50);
    await copyStore();
    await emit(51, 200);
    await untilApplied(200);
    await running.stop();
    await relay.stop();
    await goBackToCopy();
    await untilInStream(50);
    running = startSubscriber();
    relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: server.url, retryMaxDelayMs: 200 });
    relay.start();
    await emit(201, 220);
    await untilApplied(220);
  }, 240_000);

  it('when the stream is deleted, and made and filled again', async () => {
    await emit(1, 100);
    await untilApplied(100);
    await (await jetstreamManager(nats)).streams.delete(streamOf(source));
    await emit(101, 120);
    await untilApplied(120);
    await emit(121, 140);
    await untilApplied(140);
  }, 240_000);
});
