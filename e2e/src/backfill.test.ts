import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { run } from '@banyan/playbook';
import { SourceRelay } from '@banyan/relay';
import { deleteOn, replica, rowFrom, subscriber, type Subscriber } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { projectEvents, type Project } from './backfill-events.js';
import { ProjectWriters } from './project-writers.js';
import { Random } from './traffic/random.js';

const PROGRAM = fileURLToPath(new URL('../dist/backfill-child.js', import.meta.url));
const ROWS = 3000;

let database: TestDatabase;
let reader: TestDatabase;
let nats: TestNats;
let source: string;
let table: string;
let relay: SourceRelay;
let reading: Subscriber;
let writers: ProjectWriters;
let children: ChildProcess[];

beforeEach(async () => {
  table = uniqueName('project_replica');
  const columns = 'id integer primary key, version bigint not null, name text not null';
  [database, reader, nats] = await Promise.all([
    testDatabase({
      roles: ['outbox'],
      statements: [
        `create table project (${columns})`,
        `insert into project select i, 1, 'old' from generate_series(1, ${ROWS}) i`,
      ],
    }),
    testDatabase({ roles: ['subscriber'], statements: [`create table ${table} (${columns})`] }),
    testNats(),
  ]);
  source = uniqueName('projects');
  relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  relay.start();
  reading = follow();
  writers = new ProjectWriters(database.pool, source, ROWS);
  children = [];
});

afterEach(async () => {
  await writers.stop();
  for (const child of children) await end(child);
  await Promise.all([relay.stop(), reading.stop()]);
  await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), reader.drop(), nats.close()]);
});

function follow(): Subscriber {
  const { saved, deleted, snapshot } = projectEvents(source);
  const rowOf = ({ id, version, name }: Project) => ({ id: Number(id), version, name });
  const made = subscriber({
    name: 'reader',
    sources: [source],
    databaseUrl: reader.url,
    nats: nats.connection,
    handlers: [
      replica({
        table,
        key: 'id',
        columns: ['id', 'version', 'name'],
        version: 'version',
        mappings: [
          rowFrom(saved, rowOf),
          rowFrom(snapshot, rowOf),
          deleteOn(deleted, ({ id }) => Number(id)),
        ],
      }),
    ],
  });
  made.start();
  return made;
}

async function startChild(): Promise<ChildProcess> {
  const config = { source, databaseUrl: database.url, natsUrl: nats.url };
  const child = fork(PROGRAM, [JSON.stringify(config)], { execArgv: [] });
  children.push(child);
  await once(child, 'message');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

interface Ended {
  code: number;
  out: string;
}

async function banyan(...args: string[]): Promise<Ended> {
  const out: string[] = [];
  const terminal = { out: (line: string) => void out.push(line), err: (line: string) => void out.push(line) };
  const code = await run(args, {
    terminal: { ...terminal, confirm: undefined },
    env: { ...process.env, NATS_URL: nats.url },
    folder: '/',
  });
  return { code, out: out.join('\n') };
}

async function emitted(): Promise<number> {
  const { rows } = await database.pool.query<{ emitted: number }>(
    'select coalesce(max(emitted), 0)::int as emitted from banyan.backfill',
  );
  return rows[0]?.emitted ?? 0;
}

const rowsOf = async (from: TestDatabase, name: string): Promise<object[]> =>
  (await from.pool.query<object>(`select id, version, name from ${name} order by id`)).rows;

async function expectOneSnapshotEach(): Promise<void> {
  const { rows } = await database.pool.query<object>(`
    select count(*)::int = count(distinct aggregate_id)::int as "onceEach",
      count(*)::int = (select emitted::int from banyan.backfill) as "asCounted",
      (select count(*)::int from project p where id between 1 and ${ROWS} and not exists (
        select from banyan.outbox o where o.aggregate_id = p.id::text and o.event_type = 'ProjectSnapshot')) as missing
    from banyan.outbox where event_type = 'ProjectSnapshot'`);
  expect(rows).toEqual([{ onceEach: true, asCounted: true, missing: 0 }]);
}

it('sends each row once through kills at any moment, while writers go on, and the replica ends equal to the source', async () => {
  const random = new Random(3);
  writers.start(3);
  let [holder, other] = [await startChild(), await startChild()];
  const command = banyan('backfill', table, '--wait');
  for (let kill = 0; kill < 6; kill++) {
    const before = await emitted();
    await vi.waitFor(async () => expect(await emitted()).toBeGreaterThan(before), {
      timeout: 20_000,
      interval: 5,
    });
    await pause(random.below(40));
    await Promise.all([end(holder), end(other)]);
    [holder, other] = await Promise.all([startChild(), startChild()]);
  }
  const { code, out } = await command;
  expect(out).toMatch(/applied by reader/);
  expect(code).toBe(0);
  await writers.stop();
  await expectOneSnapshotEach();
  await vi.waitFor(
    async () => expect(await rowsOf(reader, table)).toEqual(await rowsOf(database, 'project')),
    { timeout: 20_000, interval: 100 },
  );
  expect(writers.changes).toBeGreaterThan(100);
}, 120_000);

it('is shown, paused, resumed and cancelled from the terminal', async () => {
  await startChild();
  expect((await banyan('backfill', table, '--rate', '100', '--detach')).code).toBe(0);
  expect(await banyan('backfill', 'status', table)).toMatchObject({
    code: 2,
    out: expect.stringMatching(/rows/),
  });
  expect((await banyan('backfill', 'pause', `reader/${table}`)).out).toMatch(/paused/);
  expect((await banyan('backfill', 'resume', `${source}/project`)).code).toBe(0);
  const cancelled = await banyan('backfill', 'cancel', table, '--json');
  expect(JSON.parse(cancelled.out)).toMatchObject({ ok: true, backfills: [{ state: 'cancelled', source }] });
  expect((await banyan('backfill', 'status', table)).code).toBe(1);
  expect(await banyan('backfill', 'resume', table)).toMatchObject({
    code: 1,
    out: expect.stringMatching(/REFUSED/),
  });
}, 60_000);

it('says who is known when a replica is not', async () => {
  await vi.waitFor(async () => {
    const { code, out } = await banyan('backfill', table.slice(0, -1));
    expect([code, out]).toEqual([1, expect.stringContaining(`did you mean ${table}?`)]);
  });
}, 30_000);
