import {
  backfillSubjectOf,
  encodeHeartbeat,
  heartbeatSubjectOf,
  type BackfillAnswer,
  type BackfillReport,
  type BackfillTask,
} from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backfiller } from './backfiller.js';
import type { BackfillerConfig } from './options.js';
import { snapshots, type Snapshots } from './snapshots.js';
import { FILL, projectSnapshots, snapshotEvent, TABLE, type Project } from './test-projects.js';

let database: TestDatabase;
let nats: TestNats;
let source: string;
let backfillers: Backfiller[];
let beating: ReturnType<typeof setInterval>;
/** How old what the relay says is. */
let lagMs: number;

beforeEach(async () => {
  [database, nats] = await Promise.all([
    testDatabase({ roles: ['outbox'], statements: [TABLE, FILL] }),
    testNats(),
  ]);
  source = uniqueName('projects');
  backfillers = [];
  lagMs = 0;
  beating = setInterval(beat, 20);
});

afterEach(async () => {
  clearInterval(beating);
  await Promise.all(backfillers.map((each) => each.stop()));
  await Promise.all([database.drop(), nats.close()]);
});

function beat(): void {
  const asOfMs = Date.now() - lagMs;
  const heads = new Array<number>(64).fill(0);
  nats.connection.publish(
    heartbeatSubjectOf(source),
    encodeHeartbeat({ source, epoch: 1, tick: 1, n: 0, heads, asOfMs, timeline: 1 }),
  );
}

/** @param lose leaves rows out, as a wrong query would */
const projects = (lose = (_row: Project) => false): Snapshots => projectSnapshots(source, lose);

function start(config: Partial<BackfillerConfig> = {}): Backfiller {
  const made = new Backfiller({
    source,
    databaseUrl: database.url,
    nats: nats.connection,
    snapshots: [projects()],
    rowsPerSecond: 100_000,
    pollIntervalMs: 20,
    ...config,
  });
  backfillers.push(made);
  made.start();
  return made;
}

async function answer(task: Record<string, unknown>): Promise<BackfillAnswer> {
  const request = JSON.stringify({ aggregate: 'project', by: 'tests', ...task });
  const reply = await nats.connection.request(backfillSubjectOf(source), request, { timeout: 20_000 });
  return reply.json<BackfillAnswer>();
}

async function ask(task: BackfillTask['do'], more: Record<string, unknown> = {}): Promise<BackfillReport> {
  const given = await answer({ do: task, ...more });
  if ('error' in given) throw new Error(given.error.message);
  return given.result;
}

const untilState = (state: string): Promise<void> =>
  vi.waitFor(async () => expect((await ask('status')).state).toBe(state), { timeout: 60_000, interval: 20 });

const emitted = async (): Promise<string[]> => {
  const { rows } = await database.pool.query<{ id: string }>(
    'select aggregate_id as id from banyan.outbox order by seq',
  );
  return rows.map(({ id }) => id);
};

async function holdOpen(sql: string): Promise<{ client: PoolClient; end: () => Promise<void> }> {
  const client = await database.pool.connect();
  await client.query(`begin; ${sql}`);
  const end = async (): Promise<void> => {
    await client.query('commit');
    client.release();
  };
  return { client, end };
}

const ALL = Array.from({ length: 500 }, (_, i) => String(i + 1));

describe('a backfill', () => {
  it('emits one snapshot of each row, in the order of the key, marked and with its version', async () => {
    start();
    const begun = await ask('start');
    expect(begun).toMatchObject({ started: true, state: 'running', requestedBy: 'tests' });
    await untilState('done');
    expect(await emitted()).toEqual(ALL);
    const { rows } = await database.pool.query<object>(
      'select distinct aggregate_version, event_type, headers from banyan.outbox',
    );
    expect(rows).toEqual([
      { aggregate_version: '1', event_type: 'ProjectSnapshot', headers: { 'banyan-backfill': begun.id } },
    ]);
    expect(await ask('status')).toMatchObject({ emitted: 500, id: begun.id });
  });

  it('is joined by whoever asks for it again while it runs, and begins anew when it is done', async () => {
    start({ rowsPerSecond: 50 });
    const first = await ask('start');
    expect(await ask('start')).toMatchObject({ id: first.id, started: false });
    await ask('cancel');
    expect(await ask('start')).toMatchObject({ started: true });
  });

  it('knows the id that it was given', async () => {
    start();
    const id = '6a0b3a0e-7a3c-4a5f-9d0a-2b6f0e6a1c11';
    expect(await ask('start', { id })).toMatchObject({ id, started: true });
    expect(await ask('start', { id })).toMatchObject({ id, started: false });
  });

  it('is done at once when there are no rows', async () => {
    await database.pool.query('delete from project');
    start();
    await ask('start');
    await untilState('done');
    expect(await ask('status')).toMatchObject({ emitted: 0, end: [] });
  });

  it('is shared by several processes, and no row comes twice', async () => {
    for (let i = 0; i < 3; i++) start({ chunkRows: 7 });
    await ask('start');
    await untilState('done');
    expect(await emitted()).toEqual(ALL);
  });

  it('goes on in another process when the one that held it has gone silent', async () => {
    const first = start({ chunkRows: 10, rowsPerSecond: 200, leaseMs: 500 });
    await ask('start');
    await vi.waitFor(async () => expect((await emitted()).length).toBeGreaterThan(20), { timeout: 60_000 });
    await first.stop();
    await database.pool.query(
      `update banyan.backfill set held_by = 'gone', held_until = clock_timestamp() + interval '300 ms'`,
    );
    start({ leaseMs: 500 });
    await untilState('done');
    expect(await emitted()).toEqual(ALL);
  });

  it('takes keys of several columns', async () => {
    await database.pool
      .query(`create table membership (team uuid, member text, version bigint, primary key (team, member));
      insert into membership select ('00000000-0000-0000-0000-0000000000' || lpad(t::text, 2, '0'))::uuid, 'm' || m, 1
      from generate_series(1, 5) t, generate_series(1, 40) m`);
    const memberships = snapshots({
      event: { ...snapshotEvent(source), aggregate: 'membership', type: 'MembershipSnapshot' },
      table: 'membership',
      key: ['team', 'member'],
      load: async (tx, keys) => {
        const read = `select team || '.' || member as id, version::integer, '' as name
          from membership join unnest($1::uuid[], $2::text[]) k (team, member) using (team, member)`;
        return (await tx.query<Project>(read, [...keys])).rows;
      },
    });
    start({ snapshots: [memberships], chunkRows: 33 });
    await ask('start', { aggregate: 'membership' });
    await vi.waitFor(async () => expect(new Set(await emitted()).size).toBe(200), { timeout: 60_000 });
    expect(await emitted()).toHaveLength(200);
  });
});

describe('a backfill among writers', () => {
  it('waits for every transaction from before it was asked for, also for one that has written nothing yet', async () => {
    const writer = await holdOpen('select 1 from project limit 1');
    start();
    await ask('start');
    await vi.waitFor(async () => expect((await ask('status')).waitsFor).toHaveLength(1), { timeout: 60_000 });
    const { pid } = (await writer.client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!;
    const status = await ask('status');
    expect(status.waitsFor[0]).toMatchObject({ pid, ageMs: expect.any(Number) });
    expect(status.begunAt).toBeUndefined();
    // One that began later is not waited for.
    const later = await holdOpen('select 1 from project limit 1');
    await writer.client.query(`insert into project values (1000, 1, 'written without an event')`);
    expect(await emitted()).toEqual([]);
    await writer.end();
    await untilState('done');
    expect(await emitted()).toEqual([...ALL, '1000']);
    await later.end();
  });

  it('has a change that was made before its lock in the snapshot, and lets one after it come after', async () => {
    const writer = await holdOpen(`update project set version = 2, name = 'renamed' where id = 250`);
    await writer.client.query(`select banyan.emit('project', '250', 'ProjectRenamed', '', 2)`);
    // From before the request, it would be awaited; this one is met on the way.
    const row = await database.pool.query<{ t: string[] }>(
      'select array_agg(transaction) as t from banyan.open_transaction',
    );
    start({ lockTimeoutMs: 20 });
    await ask('start');
    await database.pool.query(`update banyan.backfill set waits_for = array_remove(waits_for, $1)`, [
      row.rows[0]!.t[0],
    ]);
    await vi.waitFor(async () => expect((await ask('status')).lastError).toMatch(/lock timeout/), {
      timeout: 60_000,
    });
    expect((await emitted()).length).toBeLessThan(250);
    await writer.end();
    await untilState('done');
    const { rows } = await database.pool.query<object>(
      `select event_type, aggregate_version as version, convert_from(payload, 'UTF8') as payload
       from banyan.outbox where aggregate_id = '250' order by seq`,
    );
    expect(rows).toMatchObject([
      { event_type: 'ProjectRenamed' },
      { event_type: 'ProjectSnapshot', version: '2', payload: expect.stringContaining('renamed') },
    ]);
  });
});

describe('an operator', () => {
  it('pauses a backfill, and it goes on from there', async () => {
    // A dozen rows come at once; the last ones after eight seconds.
    const slow = start({ rowsPerSecond: 60 });
    await ask('start');
    await vi.waitFor(async () => expect((await emitted()).length).toBeGreaterThan(10), { timeout: 60_000 });
    expect(await ask('pause')).toMatchObject({ state: 'paused' });
    const before = (await ask('status')).emitted;
    expect(before).toBeLessThan(500);
    // A process that starts now leaves it alone as well.
    start();
    await expect(answer({ do: 'pause' })).resolves.toMatchObject({ result: { emitted: before } });
    await nats.connection.flush();
    expect((await emitted()).length).toBe(before);
    await slow.stop();
    await ask('resume');
    await untilState('done');
    expect(await emitted()).toEqual(ALL);
  });

  it('cancels a backfill for good', async () => {
    start({ rowsPerSecond: 60 });
    await ask('start');
    await vi.waitFor(async () => expect((await emitted()).length).toBeGreaterThan(10), { timeout: 60_000 });
    expect(await ask('cancel')).toMatchObject({ state: 'cancelled' });
    expect(await answer({ do: 'resume' })).toMatchObject({ error: { code: 'BANYAN_BACKFILL_REFUSED' } });
  });

  it('is told of what `load` does wrong, corrects it, and resumes where it stopped', async () => {
    const wrong = start({ snapshots: [projects(({ id }) => id === '300')], chunkRows: 50 });
    await ask('start');
    await untilState('failed');
    expect((await ask('status')).lastError).toMatch(/BANYAN_BACKFILL_INVALID: .*load gave 4?\d events/);
    await wrong.stop();
    start();
    await ask('resume');
    await untilState('done');
    expect(await emitted()).toEqual(ALL);
  });

  it.each([
    [
      'an aggregate without snapshots',
      { do: 'start', aggregate: 'team' },
      /no snapshots of "team", only of project/,
    ],
    ['an unknown task', { do: 'stop' }, /is no task/],
    ['a rate of nothing', { do: 'start', rowsPerSecond: 0 }, /is no task/],
    ['a task without a name', { do: 'start', by: '' }, /is no task/],
    ['a status where there was none', { do: 'status' }, /was ever asked for/],
  ])('is refused %s', async (_what, task, message) => {
    start();
    expect(await answer(task)).toMatchObject({
      error: { code: 'BANYAN_BACKFILL_REFUSED', message: expect.stringMatching(message) },
    });
  });
});

describe('a backfill slows down', () => {
  it('to the rate that was asked for', async () => {
    start();
    const startedMs = performance.now();
    await ask('start', { rowsPerSecond: 250 });
    await untilState('done');
    expect(performance.now() - startedMs).toBeGreaterThan(1500);
  });

  it('to a stop while the relay is behind, and says so', async () => {
    lagMs = 60_000;
    start();
    await ask('start');
    await vi.waitFor(
      async () => expect((await ask('status')).slowedBy).toMatch(/take \d+ ms to reach the stream/),
      { timeout: 60_000 },
    );
    expect(await emitted()).toEqual([]);
    lagMs = 0;
    await untilState('done');
    expect(await emitted()).toEqual(ALL);
  });

  it('to a stop where no relay runs', async () => {
    clearInterval(beating);
    start();
    await ask('start');
    await vi.waitFor(async () => expect((await ask('status')).slowedBy).toMatch(/no heartbeat/), {
      timeout: 60_000,
    });
    expect(await emitted()).toEqual([]);
  });
});

describe('snapshots', () => {
  it('need a unique key', async () => {
    const byName = snapshots({
      event: snapshotEvent(source),
      table: 'project',
      key: 'name',
      load: () => Promise.resolve([]),
    });
    start({ snapshots: [byName] });
    await ask('start');
    await untilState('failed');
    expect((await ask('status')).lastError).toMatch(/no unique index on \(name\)/);
  });

  it('are refused names that are none', () => {
    const make = () =>
      snapshots({
        event: snapshotEvent(source),
        table: 'project; drop',
        key: 'id',
        load: () => Promise.resolve([]),
      });
    expect(make).toThrow(/BANYAN_BACKFILL_INVALID: .*"project; drop" is no plain SQL name/);
  });
});
