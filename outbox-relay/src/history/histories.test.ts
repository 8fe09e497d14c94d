import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { streamOf, subjectsOf } from '@banyan/contracts';
import {
  startPostgres,
  temporaryFolder,
  testNats,
  uniqueName,
  type PostgresServer,
  type TemporaryFolder,
  type TestNats,
} from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SourceRelay } from '../source-relay.js';
import { newestTick, takeTick } from '../tick.js';
import { newEpoch } from './new-epoch.js';

const run = promisify(execFile);

/** Databases of this file: each a server of its own, started from a copy of one that was migrated and stopped. */
let folder: TemporaryFolder;
let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let relays: SourceRelay[];
let servers: PostgresServer[];
let copies = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  const server = await start('template');
  await migrate({ databaseUrl: server.url(), roles: ['outbox'] });
  await server.stop();
});

afterAll(() => folder.remove());

beforeEach(async () => {
  nats = await testNats();
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  relays = [];
  servers = [];
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await Promise.all(servers.map((server) => server.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await nats.close();
});

function start(name: string): Promise<PostgresServer> {
  const settings = { fsync: 'off', shared_buffers: '16MB', max_connections: 30 };
  return startPostgres({ dir: join(folder.path, name), settings });
}

async function copyFolder(from: string): Promise<string> {
  const name = `copy-${++copies}`;
  await run('cp', ['-a', join(folder.path, from), join(folder.path, name)]);
  return name;
}

interface Database {
  name: string;
  server: PostgresServer;
}

async function open(name: string): Promise<Database> {
  const server = await start(name);
  servers.push(server);
  return { name, server };
}

const fresh = async (): Promise<Database> => open(await copyFolder('template'));

/** The data as they are now, for a second server; the first goes on. */
async function backup({ name, server }: Database): Promise<string> {
  await server.stop();
  const copy = await copyFolder(name);
  await server.restart();
  return copy;
}

/** A server that was a replica when the copy was made, and is promoted: on the next timeline. */
async function promoted(copy: string): Promise<Database> {
  await writeFile(join(folder.path, copy, 'data', 'standby.signal'), '');
  const database = await open(copy);
  await sql(database, 'select pg_promote()');
  return database;
}

async function sql<R extends pg.QueryResultRow>(at: Database, text: string, values: unknown[] = []) {
  const client = new pg.Client(at.server.url());
  // A server that is stopped tells its clients once more, also those that are leaving.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<R>(text, values)).rows;
  } finally {
    await client.end();
  }
}

async function emit(at: Database, ...keys: string[]): Promise<void> {
  await sql(at, `select banyan.emit('project', k, 'ProjectRenamed', 'x', 1) from unnest($1::text[]) k`, [
    keys,
  ]);
}

function relayOf({ server }: Database): SourceRelay {
  const relay = new SourceRelay({
    source,
    databaseUrl: server.url(),
    natsUrl: nats.url,
    retryMaxDelayMs: 200,
  });
  relays.push(relay);
  relay.start();
  return relay;
}

const patience = { timeout: 60_000, interval: 20 };
const acked = (relay: SourceRelay, n: number): Promise<void> =>
  vi.waitFor(() => expect(relay.status.ackedN).toBe(n), patience);

async function refusal(relay: SourceRelay): Promise<string> {
  await vi.waitFor(() => expect(relay.status.state).toBe('refusing'), patience);
  return relay.status.because ?? '';
}

/** Publishes the events with a relay that is stopped afterwards. */
async function publish(at: Database, total: number, ...keys: string[]): Promise<void> {
  await emit(at, ...keys);
  const relay = relayOf(at);
  await acked(relay, total);
  await relay.stop();
}

/** `position key` of each message, in order. */
async function stream(): Promise<string[]> {
  const { state } = await manager.streams.info(streamOf(source));
  const lines: string[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(streamOf(source), { seq });
    lines.push(`${message?.header.get('Banyan-Position') ?? ''} ${message?.header.get('ce-subject') ?? ''}`);
  }
  return lines;
}

const decide = ({ server }: Database) =>
  newEpoch({ source, databaseUrl: server.url(), natsUrl: nats.url, reason: 'restored', by: 'op' });

describe('a database restored from an older backup', () => {
  it('is refused when the stream holds events that it has lost', async () => {
    const database = await fresh();
    await publish(database, 2, 'a', 'b');
    const copy = await backup(database);
    await publish(database, 3, 'c');
    const because = await refusal(relayOf(await open(copy)));
    expect(because).toMatch(
      /BANYAN_OTHER_HISTORY: tick 2 was acknowledged up to n 3 .* the newest tick is 1 \(n 2\)/,
    );
    expect(await stream()).toEqual(['1.1 a', '1.2 b', '1.3 c']);
  });

  it('is refused when it has since written more than the stream holds there', async () => {
    const database = await fresh();
    await publish(database, 1, 'a');
    const copy = await backup(database);
    await publish(database, 2, 'b');
    const restored = await open(copy);
    // As a relay of before would have done: the same tick and position, another event.
    const client = new pg.Client(restored.server.url());
    await client.connect();
    await client.query('set search_path to banyan');
    for (const key of ['other-b', 'other-c']) {
      await emit(restored, key);
      await takeTick(client, await newestTick(client));
    }
    await client.end();
    // Nothing but the stream's own messages is left to tell.
    await (await new Kvm(nats.connection).open('BANYAN_RELAY')).purge(source);
    expect(await refusal(relayOf(restored))).toMatch(
      /BANYAN_OTHER_HISTORY: the stream ends at 1\.2 .* but this database has event/,
    );
  });

  it('is refused also when the stream has expired and tells nothing', async () => {
    const database = await fresh();
    await publish(database, 1, 'a');
    const copy = await backup(database);
    await publish(database, 2, 'b');
    await expireAll();
    expect(await refusal(relayOf(await open(copy)))).toMatch(/BANYAN_OTHER_HISTORY: tick 2 was acknowledged/);
  });

  it('goes on in a new epoch once that is decided, and publishes what the stream does not hold', async () => {
    const database = await fresh();
    await publish(database, 2, 'a', 'b');
    await emit(database, 'unpublished');
    const copy = await backup(database);
    await publish(database, 4, 'lost');
    const restored = await open(copy);
    await emit(restored, 'later');
    await refusal(relayOf(restored));
    // 'unpublished' went into the stream before the disaster, from the database that is gone.
    expect(await decide(restored)).toMatchObject({ epoch: 2, streamTail: '1.4', baseN: 4, republished: 1 });
    await acked(relayOf(restored), 5);
    expect((await stream()).slice(-3)).toEqual(['1.3 unpublished', '1.4 lost', '2.5 later']);
    const [entry] = await sql(restored, 'select epoch, decided_by, reason from banyan.epoch where epoch > 1');
    expect(entry).toEqual({ epoch: 2, decided_by: 'op', reason: 'restored' });
    expect(await refusal(relayOf(database))).toMatch(/another database published last: .* epoch 2/);
  });
});

describe('a promoted replica', () => {
  it('goes on by itself when it has lost nothing, and the old primary is refused', async () => {
    const primary = await fresh();
    await publish(primary, 2, 'a', 'b');
    const replica = await promoted(await backup(primary));
    const old = relayOf(primary);
    await acked(old, 2);
    await emit(replica, 'c');
    await acked(relayOf(replica), 3);
    expect(await refusal(old)).toMatch(/BANYAN_OTHER_HISTORY: another database published last: .*timeline 2/);
    await emit(primary, 'from the past');
    expect(await stream()).toEqual(['1.1 a', '1.2 b', '1.3 c']);
  });

  it('is refused when it has lost what was published, and leaves the old primary in its place', async () => {
    const primary = await fresh();
    await publish(primary, 1, 'a');
    const copy = await backup(primary);
    const old = relayOf(primary);
    await emit(primary, 'b');
    await acked(old, 2);
    expect(await refusal(relayOf(await promoted(copy)))).toMatch(/BANYAN_OTHER_HISTORY/);
    await emit(primary, 'c');
    await acked(old, 3);
  });

  it('is refused when the old primary got messages in between its own', async () => {
    const primary = await fresh();
    await publish(primary, 3, 'a', 'b', 'c');
    const copy = await backup(primary);
    await rewriteStream(2);
    await closeStream();
    expect(await refusal(relayOf(await promoted(copy)))).toMatch(
      /BANYAN_OTHER_HISTORY: message 2 of the stream holds event 00000000-.* at 1\.2, but this database has event/,
    );
  });
});

it('a copy on the same timeline is refused while a relay publishes from the original', async () => {
  const original = await fresh();
  await publish(original, 1, 'a');
  const copy = await open(await backup(original));
  const first = relayOf(original);
  await acked(first, 1);
  expect(await refusal(relayOf(copy))).toMatch(/BANYAN_OTHER_HISTORY: relay .* publishes from another copy/);
  await emit(original, 'b');
  await acked(first, 2);
});

describe('a logical copy', () => {
  it('is refused before it takes a tick, and goes on in a new epoch with what is not in the stream', async () => {
    const original = await fresh();
    await publish(original, 2, 'a', 'b');
    await emit(original, 'c');
    const copy = await logicalCopyOf(original);
    expect(await refusal(relayOf(copy))).toMatch(/BANYAN_OTHER_HISTORY: this is PostgreSQL system \d+, but/);
    expect(await sql(copy, 'select max(tick)::int as tick from banyan.tick')).toEqual([{ tick: 1 }]);
    expect(await decide(copy)).toMatchObject({ epoch: 2, republished: 1 });
    await emit(copy, 'd');
    await acked(relayOf(copy), 4);
    expect(await stream()).toEqual(['1.1 a', '1.2 b', '2.3 c', '2.4 d']);
  });
});

it('a new epoch is refused while a relay leads on the database', async () => {
  const database = await fresh();
  await publish(database, 1, 'a');
  await acked(relayOf(database), 1);
  await expect(decide(database)).rejects.toThrow(/BANYAN_EPOCH_REFUSED: a relay leads/);
});

async function expireAll(): Promise<void> {
  const { config } = await manager.streams.info(streamOf(source));
  await manager.streams.update(config.name, {
    ...config,
    max_age: 100_000_000,
    duplicate_window: 100_000_000,
  });
  await vi.waitFor(async () => {
    expect((await manager.streams.info(config.name)).state.messages).toBe(0);
  }, patience);
  await manager.streams.update(config.name, { ...config, max_age: 0 });
}

/** The same messages in a stream that can be edited, as a broken disk would do it; one of them with another event's id. */
async function rewriteStream(changedSeq?: number): Promise<void> {
  const { config, state } = await manager.streams.info(streamOf(source));
  const messages = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    messages.push(await manager.streams.getMessage(config.name, { seq }));
  }
  await manager.streams.delete(config.name);
  const editable = { name: config.name, subjects: [subjectsOf(source)] };
  await manager.streams.add({ ...editable, deny_delete: false, deny_purge: false });
  for (const message of messages) {
    if (message === null) continue;
    message.header.delete('Nats-Expected-Last-Sequence');
    if (message.seq === changedSeq) message.header.set('ce-id', '00000000-0000-4000-8000-000000000000');
    await nats.connection.request(message.subject, message.data, { headers: message.header, timeout: 9000 });
  }
}

async function closeStream(): Promise<void> {
  const { config } = await manager.streams.info(streamOf(source));
  await manager.streams.update(config.name, { ...config, deny_delete: true, deny_purge: true });
}

/** What a dump and restore does: the rows as they are, in a server of another system, with sequences left behind. */
async function logicalCopyOf(original: Database): Promise<Database> {
  const server = await startPostgres({
    dir: join(folder.path, `copy-${++copies}`),
    settings: { fsync: 'off' },
  });
  servers.push(server);
  const copy = { name: '', server };
  await migrate({ databaseUrl: server.url(), roles: ['outbox'] });
  for (const table of ['tick', 'source', 'epoch', 'outbox']) {
    const rows = await sql<{ row: string }>(original, `select t::text as row from banyan.${table} t`);
    await sql(copy, `delete from banyan.${table}`);
    await sql(
      copy,
      `insert into banyan.${table} overriding system value
       select (r::banyan.${table}).* from unnest($1::text[]) r`,
      [rows.map(({ row }) => row)],
    );
  }
  return copy;
}
