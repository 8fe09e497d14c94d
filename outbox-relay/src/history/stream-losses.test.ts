import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { streamOf, subjectsOf } from '@banyan/contracts';
import {
  startNats,
  temporaryFolder,
  testDatabase,
  testNats,
  uniqueName,
  type TestDatabase,
  type TestNats,
} from '@banyan/devstack';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SourceRelay } from '../source-relay.js';

const run = promisify(execFile);
const patience = { timeout: 15_000, interval: 20 };

let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let relays: SourceRelay[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  relays = [];
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(natsUrl = nats.url): SourceRelay {
  const relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl, retryMaxDelayMs: 200 });
  relays.push(relay);
  relay.start();
  return relay;
}

async function emit(...keys: string[]): Promise<void> {
  const text = `select banyan.emit('project', k, 'ProjectRenamed', 'x', 1) from unnest($1::text[]) k`;
  await database.pool.query(text, [keys]);
}

const acked = (relay: SourceRelay, n: number): Promise<void> =>
  vi.waitFor(() => expect(relay.status.ackedN).toBe(n), patience);

/** Publishes the events with a relay that is stopped afterwards. */
async function publish(total: number, ...keys: string[]): Promise<void> {
  await emit(...keys);
  const relay = startRelay();
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

describe('a stream', () => {
  it('that has expired to empty goes on after the last acknowledged position', async () => {
    await publish(2, 'a', 'b');
    await expireAll();
    await publish(3, 'c');
    expect(await stream()).toEqual(['1.3 c']);
  });

  it('whose last message was deleted gets it back at the same position', async () => {
    await publish(3, 'a', 'b', 'c');
    await rewriteStream();
    await manager.streams.deleteMessage(streamOf(source), 3);
    await closeStream();
    await publish(4, 'd');
    expect((await stream()).filter((line) => line !== ' ')).toEqual(['1.1 a', '1.2 b', '1.3 c', '1.4 d']);
  });

  it('whose store was restored from an older copy gets its tail back at the same positions', async () => {
    const folder = await temporaryFolder();
    const dir = join(folder.path, 'nats');
    const server = await startNats({ own: true, dir });
    try {
      await emit('a', 'b');
      const relay = startRelay(server.url);
      await acked(relay, 2);
      await server.stop();
      await run('cp', ['-a', join(dir, 'jetstream'), join(dir, 'older')]);
      await server.restart();
      await emit('c', 'd');
      await acked(relay, 4);
      const before = await messageIn(server.url, 4);
      await server.stop();
      await run('rm', ['-r', join(dir, 'jetstream')]);
      await run('mv', [join(dir, 'older'), join(dir, 'jetstream')]);
      await server.restart();
      await emit('e');
      await acked(relay, 5);
      expect(await messageIn(server.url, 4)).toEqual(before);
      expect(before).toMatch(/^1\.4 /);
      await relay.stop();
    } finally {
      await server.stop();
      await folder.remove();
    }
  });

  it('with a hole inside is refused, by its positions', async () => {
    await publish(4, 'a', 'b', 'c', 'd');
    await rewriteStream();
    await manager.streams.deleteMessage(streamOf(source), 2);
    await closeStream();
    const relay = startRelay();
    await vi.waitFor(() => expect(relay.status.state).toBe('refusing'), patience);
    expect(relay.status.because).toMatch(/BANYAN_STREAM_HOLE: .* from n 1 \(message 1\) to n 3/);
  });
});

/** Position and event id of a message of another server's stream. */
async function messageIn(natsUrl: string, seq: number): Promise<string> {
  const connection = await connect({ servers: natsUrl });
  try {
    const streams = (await jetstreamManager(connection)).streams;
    const message = await streams.getMessage(streamOf(source), { seq });
    return `${message?.header.get('Banyan-Position') ?? ''} ${message?.header.get('ce-id') ?? ''}`;
  } finally {
    await connection.close();
  }
}

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

/** The same messages in a stream that can be edited, as a broken disk would do it. */
async function rewriteStream(): Promise<void> {
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
    await nats.connection.request(message.subject, message.data, { headers: message.header, timeout: 9000 });
  }
}

async function closeStream(): Promise<void> {
  const { config } = await manager.streams.info(streamOf(source));
  await manager.streams.update(config.name, { ...config, deny_delete: true, deny_purge: true });
}
