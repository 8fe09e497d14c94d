import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { streamOf } from '@banyan/contracts';
import {
  startProxy,
  testDatabase,
  testNats,
  uniqueName,
  type TcpProxy,
  type TestDatabase,
  type TestNats,
} from '@banyan/devstack';
import { wait } from '@banyan/runtime';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { auditStream, isBalanced } from '../audit.js';

const LOOK_MS = 50;

// The relay as a process: built by `tsc -b`, which `npm test` runs first.
const PROGRAM = fileURLToPath(new URL('../../bin/banyan-relay.js', import.meta.url));

let database: TestDatabase;
let nats: TestNats;
let source: string;
let processes: ChildProcess[];
let proxies: TcpProxy[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
  processes = [];
  proxies = [];
});

afterEach(async () => {
  await Promise.all(processes.map((process) => end(process)));
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exited = once(process, 'exit');
  process.kill('SIGKILL');
  await exited;
}

async function startRelay(at: { natsUrl?: string; databaseUrl?: string } = {}): Promise<ChildProcess> {
  const { natsUrl = nats.url, databaseUrl = database.url } = at;
  const args = [PROGRAM, '--nats', natsUrl, '--source', `${source}=${databaseUrl}`, '--log-level', 'error'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(child);
  await once(child.stdout, 'data');
  return child;
}

async function proxyTo(target: string): Promise<TcpProxy> {
  const proxy = await startProxy({ target });
  proxies.push(proxy);
  return proxy;
}

async function emit(): Promise<void> {
  await database.pool.query(`select banyan.emit('project', 'p', 'ProjectRenamed', 'x', 1)`);
}

async function messages(): Promise<number> {
  const manager = await jetstreamManager(nats.connection);
  return (await manager.streams.info(streamOf(source)).catch(() => undefined))?.state.messages ?? 0;
}

async function stored(count: number): Promise<void> {
  await vi.waitFor(async () => expect(await messages()).toBe(count), { timeout: 60_000, interval: 10 });
}

/**
 * Time is counted in looks at the database and the stream, 20 a second at most: where each takes longer because the machine
 * has other things to do, a relay does everything that much later as well.
 */
async function storedWithin(count: number, ms: number): Promise<void> {
  for (let looks = 0; looks < ms / LOOK_MS; looks++) {
    const [there] = await Promise.all([messages(), leader(), wait(LOOK_MS)]);
    if (there === count) return;
  }
  expect(await messages(), `after ${ms} ms`).toBe(count);
}

/** A leader with a stand-by that is there to take over, and one event in the stream. */
async function startPair(at: { natsUrl?: string; databaseUrl?: string } = {}): Promise<ChildProcess> {
  const leader = await startRelay(at);
  await emit();
  await stored(1);
  await startRelay();
  const waiting = `select 1 from pg_stat_activity where datname = current_database()
    and application_name = 'banyan-relay ${source}' and query ~ 'pg_try_advisory_lock|pg_terminate_backend'`;
  await vi.waitFor(async () => expect((await database.pool.query(waiting)).rowCount).toBeGreaterThan(0), {
    timeout: 60_000,
    interval: 20,
  });
  return leader;
}

async function leader(): Promise<string> {
  const { rows } = await database.pool.query<{ led_by: string }>('select led_by from banyan.source');
  return rows[0]?.led_by ?? '';
}

/** What comes back to life finds somebody else in its place, and the stream as it should be. */
async function expectHarmless(former: ChildProcess): Promise<void> {
  for (let i = 0; i < 20; i++) await emit();
  await stored(22);
  expect(await leader()).not.toContain(`:${former.pid ?? '?'}`);
  const report = await auditStream(database.pool, nats.connection, source);
  expect(isBalanced(report), JSON.stringify(report)).toBe(true);
}

it('a stand-by takes over within 2 s of the kill of the leader', async () => {
  const former = await startPair();
  former.kill('SIGKILL');
  await emit();
  await storedWithin(2, 2000);
  await expectHarmless(former);
});

it('a stand-by takes over within 5 s when the leader is frozen, and its waking up does no harm', async () => {
  const former = await startPair();
  former.kill('SIGSTOP');
  await emit();
  await storedWithin(2, 5000);
  former.kill('SIGCONT');
  await expectHarmless(former);
});

it('a stand-by takes over within 5 s when the leader is cut off from its database', async () => {
  const proxy = await proxyTo(database.url);
  const former = await startPair({ databaseUrl: proxy.url });
  proxy.pause();
  await emit();
  await storedWithin(2, 5000);
  proxy.resume();
  await expectHarmless(former);
});

it('a stand-by takes over within 5 s when the leader is cut off from NATS', async () => {
  const proxy = await proxyTo(nats.url);
  const former = await startPair({ natsUrl: proxy.url });
  proxy.pause();
  await emit();
  await storedWithin(2, 5000);
  proxy.resume();
  await expectHarmless(former);
});

it('a leader that is busy waiting for a slow broker keeps its place', async () => {
  const proxy = await proxyTo(nats.url);
  const former = await startPair({ natsUrl: proxy.url });
  proxy.delay(700);
  await emit();
  await stored(2);
  expect(await leader()).toContain(`:${former.pid ?? '?'}`);
});
