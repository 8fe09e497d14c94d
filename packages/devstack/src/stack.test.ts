import { existsSync } from 'node:fs';
import { Client } from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { startStack, temporaryFolder } from './index.js';

async function databaseAt(url: string | undefined): Promise<string | undefined> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  await client.end();
  return rows[0]?.name;
}

describe('startStack', () => {
  it('starts stacks side by side, each with its databases, and leaves nothing behind', async () => {
    const stacks = await Promise.all([
      startStack({ databases: ['teams', 'projects'] }),
      startStack({ databases: ['teams'] }),
    ]);
    const [one] = stacks;
    expect(await databaseAt(one.urls.postgres['projects'])).toBe('projects');
    expect(new Set(stacks.map(({ postgres }) => postgres.port)).size).toBe(2);
    await Promise.all(stacks.map((stack) => stack.stop()));
    await one.stop();
    expect(stacks.map(({ dir }) => existsSync(dir))).toEqual([false, false]);
  });

  it('keeps a folder that it was given, and adds the databases that are missing', async () => {
    const folder = await temporaryFolder();
    await (await startStack({ dir: folder.path, databases: ['teams'] })).stop();
    const again = await startStack({ dir: folder.path, databases: ['teams', 'tasks'] });
    expect(await databaseAt(again.urls.postgres['tasks'])).toBe('tasks');
    await again.stop();
    await folder.remove();
  });

  it('stops the one when the other does not start', async () => {
    const folder = await temporaryFolder();
    vi.stubEnv('NATS_URL', '');
    const started = startStack({ dir: folder.path, databases: [], natsConfig: 'no_such_thing: 1' });
    await expect(started).rejects.toThrow(/nats-server.* ended before it was ready/);
    expect(existsSync(`${folder.path}/postgres/data/postmaster.pid`)).toBe(false);
    vi.unstubAllEnvs();
    await folder.remove();
  });

  it('refuses an option that it does not know', async () => {
    const options = { databases: [], natsport: 1 };
    await expect(startStack(options)).rejects.toThrow(/no option natsport: did you mean natsPort/);
  });
});
