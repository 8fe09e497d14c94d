import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  freePort,
  startNats,
  startPostgres,
  Supervisor,
  temporaryFolder,
  type CommandSpec,
  type TemporaryFolder,
} from '../index.js';

const SAYS_READY = `
  console.log('starting');
  console.log(JSON.stringify({ ready: true, words: process.env.WORDS }));
  setInterval(() => undefined, 1000);
`;

function script(name: string, source: string): CommandSpec {
  return { name, command: process.execPath, args: ['-e', source], ready: { by: 'line' } };
}

describe('Supervisor', () => {
  let folder: TemporaryFolder;
  let supervisor: Supervisor;

  beforeEach(async () => {
    folder = await temporaryFolder();
    supervisor = new Supervisor({ dir: folder.path, restartFirstMs: 20, restartMaxMs: 100 });
  });

  afterEach(async () => {
    await supervisor.stopAll();
    await folder.remove();
  });

  it('waits for the line that says ready, and hands it on', async () => {
    const process = await supervisor.supervise({ ...script('one', SAYS_READY), env: { WORDS: 'hello' } });
    expect(process.readyLine).toEqual({ ready: true, words: 'hello' });
    expect(supervisor.pids()).toEqual({ one: process.pid });
    expect(await readFile(join(folder.path, 'one.log'), 'utf8')).toContain('starting\n');
  });

  it('waits until a port takes connections', async () => {
    const port = await freePort();
    const listens = `require('node:net').createServer().listen(${port}, '127.0.0.1')`;
    await supervisor.supervise({ ...script('listener', listens), ready: { by: 'port', port } });
    expect(supervisor.pid('listener')).toBeGreaterThan(0);
  });

  it('starts one that was killed again, and tells of it', async () => {
    await supervisor.supervise(script('one', SAYS_READY));
    const pid = supervisor.pid('one');
    const told = Promise.all([once(supervisor, 'exited'), once(supervisor, 'restarted')]);
    supervisor.kill('one');
    const [[exited], [restarted]] = await told;
    expect(exited).toEqual({ name: 'one', pid, code: null, signal: 'SIGKILL' });
    expect(restarted).toEqual({ name: 'one', pid: supervisor.pid('one') });
    expect(supervisor.pid('one')).not.toBe(pid);
  });

  it('goes on trying when a restart fails', async () => {
    const marker = join(folder.path, 'broken');
    const source = `if (require('node:fs').existsSync(${JSON.stringify(marker)})) throw new Error('broken'); ${SAYS_READY}`;
    await supervisor.supervise(script('one', source));
    await writeFile(marker, '');
    const failures: string[] = [];
    supervisor.on('failed', ({ error }) => failures.push(String(error)));
    supervisor.kill('one');
    await expect.poll(() => failures, { timeout: 60_000 }).toContainEqual(expect.stringContaining('broken'));
    const restarted = once(supervisor, 'restarted');
    await rm(marker);
    await restarted;
  });

  it('does not start again what it was told to stop, not even between two tries', async () => {
    const restarts: unknown[] = [];
    supervisor.on('restarted', (event) => restarts.push(event));
    await supervisor.supervise(script('one', SAYS_READY));
    const exited = once(supervisor, 'exited');
    supervisor.kill('one');
    await exited;
    await supervisor.stop('one');
    expect(restarts).toEqual([]);
    expect(supervisor.pids()).toEqual({});
  });

  it('kills one that does not heed SIGTERM after its grace', async () => {
    const deaf = `process.on('SIGTERM', () => undefined); ${SAYS_READY}`;
    await supervisor.supervise({ ...script('deaf', deaf), graceMs: 50 });
    const exited = once(supervisor, 'exited');
    await supervisor.stop('deaf');
    expect((await exited)[0]).toMatchObject({ signal: 'SIGKILL' });
  });

  it('gives the words of one that ends before it is ready', async () => {
    const started = supervisor.supervise(script('one', `throw new Error('no such luck')`));
    await expect(started).rejects.toThrow(/one ended before it was ready[^]*no such luck/);
  });

  it('names those it knows when asked for another', () => {
    expect(() => supervisor.pid('relay')).toThrow(/no process named relay is supervised; there are: none/);
  });

  it('brings PostgreSQL and NATS back on the same port when they die', async () => {
    const postgres = await startPostgres({ dir: join(folder.path, 'postgres') });
    const nats = await startNats({ dir: join(folder.path, 'nats'), own: true });
    supervisor.adopt('postgres', postgres);
    if (nats.process !== undefined) supervisor.adopt('nats', nats.process);
    const before = supervisor.pids();
    const restarted: string[] = [];
    supervisor.on('restarted', ({ name }) => restarted.push(name));
    supervisor.kill('postgres');
    supervisor.kill('nats');
    await expect.poll(() => restarted.toSorted(), { timeout: 60_000 }).toEqual(['nats', 'postgres']);
    expect(supervisor.pid('postgres')).not.toBe(before['postgres']);
    expect(supervisor.pid('nats')).not.toBe(before['nats']);
    expect(postgres.running).toBe(true);
  });
});
