import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort, startNats, temporaryFolder, type NatsServer, type TemporaryFolder } from '../index.js';

async function messagesIn(server: NatsServer, stream: string): Promise<number> {
  const connection = await connect({ servers: server.url });
  const { state } = await (await jetstreamManager(connection)).streams.info(stream);
  await connection.close();
  return state.messages;
}

async function publishOne(server: NatsServer, stream: string): Promise<void> {
  const connection = await connect({ servers: server.url });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: stream, subjects: [`${stream}.*`] });
  await connection.request(`${stream}.x`, 'hello', { timeout: 20_000 });
  await connection.close();
}

describe('startNats', () => {
  let folder: TemporaryFolder;
  let server: NatsServer;

  beforeAll(async () => {
    folder = await temporaryFolder();
    server = await startNats({ dir: folder.path, own: true, config: 'max_payload: 64KB' });
  });

  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });

  afterEach(() => vi.unstubAllEnvs());

  it('starts a server with JetStream, and lines of configuration of the caller', async () => {
    const connection = await connect({ servers: server.url });
    expect(connection.info).toMatchObject({
      jetstream: true,
      max_payload: 65_536,
      version: server.serverVersion,
    });
    await connection.close();
  });

  it('comes back on the same port with the same streams after SIGKILL', async () => {
    await publishOne(server, 'kept');
    const { port, pid } = server;
    server.kill();
    await server.process?.exited;
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await messagesIn(server, 'kept')).toBe(1);
  });

  it('uses the server that NATS_URL names, and leaves it running', async () => {
    vi.stubEnv('NATS_URL', server.url);
    const lines: string[] = [];
    const given = await startNats({ dir: folder.path, log: (line) => lines.push(line) });
    expect(given).toMatchObject({ how: 'NATS_URL', pid: undefined, url: server.url });
    expect(lines).toEqual([expect.stringContaining('given by NATS_URL')]);
    expect(() => given.kill()).toThrow(/was not started here/);
    await given.stop();
    expect(await messagesIn(server, 'kept')).toBe(1);
  });

  it('says so when nobody answers at NATS_URL', async () => {
    vi.stubEnv('NATS_URL', `nats://127.0.0.1:${await freePort()}`);
    await expect(startNats({ dir: folder.path })).rejects.toThrow(/NATS_URL=.* no NATS server answers/);
  });

  it('never serves one folder twice at the same time', async () => {
    await server.stop();
    const { pid } = server;
    const next = await startNats({ dir: folder.path, own: true });
    expect(next.pid).not.toBe(pid);
    expect(await messagesIn(next, 'kept')).toBe(1);
    server = next;
  });

  it('gives the words of a server that refuses its configuration', async () => {
    const other = await temporaryFolder();
    const started = startNats({ dir: other.path, own: true, config: 'no_such_thing: 1' });
    await expect(started).rejects.toThrow(/ended before it was ready[^]*no_such_thing/);
    await other.remove();
  });
});
