import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { SourceRelay } from '@banyan/relay';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PYTHON_EXAMPLE, pythonVenv } from './python-venv.js';

const venv = await pythonVenv();
const python = 'python' in venv ? venv.python : '';
const without =
  'missing' in venv ? `: skipped, there is no Python with its libraries here (${venv.missing})` : '';

const EVENTS = 1500;

let database: TestDatabase;
let nats: TestNats;
let source: string;
let relay: SourceRelay;
let consumers: ChildProcess[];
let said: string;

beforeEach(async () => {
  const statements = [
    'create table project (id text primary key, name text not null, version bigint not null)',
    'create table project_activity (id text primary key, events bigint not null)',
  ];
  const roles = ['outbox', 'subscriber'] as const;
  [database, nats] = await Promise.all([testDatabase({ roles, statements }), testNats()]);
  source = uniqueName('projects');
  relay = startRelay();
  consumers = [];
  said = '';
});

afterEach(async () => {
  for (const each of consumers) await killed(each);
  await relay.stop();
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(): SourceRelay {
  const made = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  made.start();
  return made;
}

/** The example's emitter, to its end. */
async function emit(first: number, last: number): Promise<void> {
  await promisify(execFile)(python, [`${PYTHON_EXAMPLE}emit.py`, database.url, String(first), String(last)]);
  await eventually(() => relay.status.ackedN, last);
}

function consume(): ChildProcess {
  const script = [`${PYTHON_EXAMPLE}consume.py`, 'python', source, database.url, nats.url];
  const started = spawn(python, script, { stdio: ['ignore', 'ignore', 'pipe'] });
  started.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  consumers.push(started);
  return started;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

const applied = async (): Promise<number> => {
  const { rows } = await database.pool.query<{ events: string }>(
    'select coalesce(sum(events), 0) as events from project_activity',
  );
  return Number(rows[0]?.events);
};

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read(), said).toEqual(expected), { timeout: 60_000, interval: 20 });

/** As many events of each project as it has versions: each was applied once. */
async function expectEachOnce(count: number): Promise<void> {
  await eventually(applied, count);
  const { rows } = await database.pool.query(
    'select id, version, events from project left join project_activity using (id) where version is distinct from events',
  );
  expect(rows).toEqual([]);
}

describe.skipIf(python === '')(`the example in Python${without}`, { timeout: 240_000 }, () => {
  it('applies each event once, through kills in the middle', async () => {
    await emit(1, EVENTS);
    for (const target of [1, EVENTS / 3]) {
      const doomed = consume();
      await eventually(async () => (await applied()) >= target, true);
      await killed(doomed);
    }
    consume();
    await expectEachOnce(EVENTS);
  });

  it('goes on when the stream is deleted and comes back with more', async () => {
    await emit(1, 100);
    consume();
    await eventually(applied, 100);
    await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source));
    await emit(101, 200);
    await expectEachOnce(200);
  });

  it('goes on when the broker has given up what it reads by', async () => {
    await emit(1, 100);
    consume();
    await eventually(applied, 100);
    const { consumers: readers } = await jetstreamManager(nats.connection);
    for await (const { name } of readers.list(streamOf(source))) await readers.delete(streamOf(source), name);
    await emit(101, 200);
    await expectEachOnce(200);
  });

  it('fills a gap from the source when the stream has lost what it needs', async () => {
    await emit(1, 60);
    await (await jetstreamManager(nats.connection)).streams.update(streamOf(source), { max_msgs: 10 });
    consume();
    await expectEachOnce(60);
  });
});
