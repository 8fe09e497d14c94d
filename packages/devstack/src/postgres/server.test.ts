import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startPostgres, temporaryFolder, type PostgresServer, type TemporaryFolder } from '../index.js';

async function ask(server: PostgresServer, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: server.url() });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return Object.values(rows[0] ?? {})[0];
  } finally {
    await client.end();
  }
}

const identity = 'SELECT system_identifier::text FROM pg_control_system()';

describe('startPostgres', () => {
  let folder: TemporaryFolder;
  let server: PostgresServer;
  const lines: string[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    server = await startPostgres({
      dir: join(folder.path, 'one'),
      settings: { max_connections: 33 },
      log: (line) => lines.push(line),
    });
  });

  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });

  it('says which server it started, and where', () => {
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`postgres ${server.version} from `);
    expect(lines[0]).toContain(`port ${server.port}`);
  });

  it('takes settings, which ALTER SYSTEM still overrides', async () => {
    expect(await ask(server, 'SHOW max_connections')).toBe('33');
    await ask(server, "ALTER SYSTEM SET work_mem = '7MB'");
    await server.restart();
    expect(await ask(server, 'SHOW work_mem')).toBe('7MB');
  });

  it('keeps fsync on and listens on the loopback address alone', async () => {
    expect(await ask(server, 'SHOW fsync')).toBe('on');
    expect(await ask(server, 'SHOW listen_addresses')).toBe('127.0.0.1');
  });

  it('refuses those who do not know its password', async () => {
    const url = new URL(server.url());
    url.password = 'guessed';
    await expect(new Client({ connectionString: url.href }).connect()).rejects.toThrow(/password/);
  });

  it('comes back on the same port with the same data after SIGKILL', async () => {
    await ask(server, 'CREATE TABLE kept (n int)');
    await ask(server, 'INSERT INTO kept VALUES (42)');
    const { port, pid } = server;
    server.kill();
    expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await ask(server, 'SELECT n FROM kept')).toBe(42);
  });

  it('serves several at once, each with a history of its own', async () => {
    const others = await Promise.all(
      ['two', 'three'].map((name) => startPostgres({ dir: join(folder.path, name) })),
    );
    const all = [server, ...others];
    expect(new Set(all.map(({ port }) => port)).size).toBe(3);
    const identities = await Promise.all(all.map((one) => ask(one, identity)));
    expect(new Set(identities).size).toBe(3);
    await Promise.all(others.map((other) => other.stop()));
  });

  it('names the port that somebody else has, in the words of the server', async () => {
    const started = startPostgres({ dir: join(folder.path, 'four'), port: server.port });
    await expect(started).rejects.toThrow(new RegExp(`port ${server.port}[^]*Address already in use`));
  });

  it('stops when asked twice, and goes on from there with the same folder', async () => {
    const dir = join(folder.path, 'five');
    const first = await startPostgres({ dir });
    const history = await ask(first, identity);
    await Promise.all([first.stop(), first.stop()]);
    const second = await startPostgres({ dir });
    expect(await ask(second, identity)).toBe(history);
    await second.stop();
  });

  it('uses the programs of the machine only if told, and says when they are no good', async () => {
    vi.stubEnv('BANYAN_POSTGRES_BIN_DIR', join(folder.path, 'nowhere'));
    const started = startPostgres({ dir: join(folder.path, 'six') });
    await expect(started).rejects.toThrow(/BANYAN_DEVSTACK: PostgreSQL in .*nowhere/);
    vi.unstubAllEnvs();
  });
});
