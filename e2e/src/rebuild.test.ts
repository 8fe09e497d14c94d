import { newEpoch } from '@banyan/relay';
import pg from 'pg';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { end, ProjectsSystem } from './projects-system.js';

const ROWS = 600;
const RATE = 2000;

let system: ProjectsSystem;

beforeEach(async () => {
  system = await ProjectsSystem.start(ROWS);
});

afterEach(() => system.stop());

const query = (sql: string): Promise<{ rows: object[] }> => system.reader.pool.query<object>(sql);

/** A replica that was filled by a backfill. */
async function fill(): Promise<void> {
  system.follow();
  await system.startChild(RATE);
  expect((await system.heeded('backfill', system.table, '--wait')).code).toBe(0);
}

async function expectEqual(): Promise<void> {
  await system.writers.stop();
  await vi.waitFor(
    async () => {
      const { source, replica } = await system.rows();
      expect(replica).toEqual(source);
    },
    { timeout: 60_000, interval: 100 },
  );
}

it('shows wrong, missing and extra rows, and is rid of them after the swap, while events go on', async () => {
  const { table } = system;
  await fill();
  await query(`update ${table} set name = 'wrong' where id = 10; delete from ${table} where id = 20;
    insert into ${table} values (100000, 1, 'extra')`);
  const compared = await system.banyan('rebuild', table, '--json');
  expect(compared.code).toBe(2);
  expect(JSON.parse(compared.out)).toMatchObject({
    ok: true,
    rebuild: {
      state: 'ready',
      comparison: {
        ...{ live: ROWS, copy: ROWS, wrong: 1, missing: 1, extra: 1 },
        differences: [
          { key: '10', live: { name: 'wrong' }, copy: { name: 'old' } },
          { key: '20', live: null, copy: { id: 20 } },
          { key: '100000', live: { name: 'extra' }, copy: null },
        ],
      },
    },
  });
  // Readers still have what they had.
  expect((await query(`select id from ${table} where id in (20, 100000)`)).rows).toEqual([{ id: 100_000 }]);
  system.writers.start(2);
  const swapped = await system.banyan('rebuild', table, '--yes', '--drop-old');
  expect(swapped.out).toMatch(/1 wrong, 1 missing, 1 extra in the live one/);
  expect(swapped.out).toMatch(/the old table was dropped/);
  expect(swapped.code).toBe(0);
  const { changes } = system.writers;
  await vi.waitFor(() => expect(system.writers.changes).toBeGreaterThan(changes + 20), { timeout: 60_000 });
  await expectEqual();
}, 240_000);

it('never stops readers, and never shows them a part of it', async () => {
  const { table } = system;
  await fill();
  let [reads, fewest, reading] = [0, Infinity, true];
  // PostgreSQL itself refuses a read that a lock stops, whatever else a busy machine makes slow.
  const impatient = new pg.Pool({ connectionString: system.reader.url, max: 3, lock_timeout: 1_000 });
  const readers = Array.from({ length: 3 }, async () => {
    while (reading) {
      const { rows } = await impatient.query<{ n: number }>(`select count(*)::int as n from ${table}`);
      fewest = Math.min(fewest, rows[0]?.n ?? 0);
      reads += 1;
    }
  });
  // One that began before the copy was complete, and reads the table only afterwards.
  const old = await system.reader.pool.connect();
  await old.query('begin isolation level repeatable read; select 1 from banyan.position');
  const command = system.banyan('rebuild', table, '--yes');
  await vi.waitFor(
    async () =>
      expect((await system.banyan('rebuild', 'status', table)).out).toMatch(/could see part of the copy/),
    { timeout: 60_000, interval: 100 },
  );
  expect((await old.query<{ n: number }>(`select count(*)::int as n from ${table}`)).rows).toEqual([
    { n: ROWS },
  ]);
  await old.query('commit');
  old.release();
  expect((await command).code).toBe(0);
  reading = false;
  await Promise.all(readers).finally(() => impatient.end());
  expect(fewest).toBe(ROWS);
  expect(reads).toBeGreaterThan(50);
}, 240_000);

it('goes on in another instance, and joins whoever asks again, when subscriber and command end in the middle', async () => {
  const { table } = system;
  const first = system.follow();
  const slow = await system.startChild(60);
  await vi.waitFor(
    async () => expect((await system.banyan('rebuild', 'status', table)).out).toMatch(/REFUSED/),
    { timeout: 60_000, interval: 100 },
  );
  const command = system.banyan('rebuild', table, '--yes');
  await vi.waitFor(
    async () =>
      expect(
        (await query(`select doing from banyan.rebuild where doing like '%running%'`)).rows,
      ).toHaveLength(1),
    { timeout: 60_000 },
  );
  // As a kill leaves it: connections closed, nothing tidied up.
  await query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'banyan-subscriber%' and datname = current_database()`,
  );
  await first.stop();
  await end(slow);
  system.follow();
  await system.startChild(RATE);
  expect((await system.banyan('rebuild', table, '--yes')).code).toBe(0);
  expect((await command).code).toBe(0);
  expect((await query(`select count(*)::int as n from banyan.rebuild`)).rows).toEqual([{ n: 1 }]);
  await expectEqual();
}, 240_000);

it('keeps rights and the names of indexes, and the old table under a name that is told', async () => {
  const { table } = system;
  await query(`create index by_name_${table} on ${table} (name); grant select on ${table} to pg_monitor;
    alter table ${table} set (fillfactor = 70); comment on table ${table} is 'kept'`);
  const describe = `select
    array(select indexname || indexdef from pg_indexes where tablename = '${table}' order by 1) as indexes,
    (select array[relacl::text, reloptions::text] from pg_class where relname = '${table}') as rights`;
  await fill();
  const before = (await query(describe)).rows;
  const { out } = await system.banyan('rebuild', table, '--yes');
  expect((await query(describe)).rows).toEqual(before);
  const [, old] = /the old table is kept as (\S+)/.exec(out) ?? [];
  expect((await query(`select count(*)::int as n from ${old ?? ''}`)).rows).toEqual([{ n: ROWS }]);
}, 240_000);

it.each([
  ['a view', (t: string) => `create view v_${t} as select * from ${t}`, /view/],
  ['a foreign key', (t: string) => `create table f_${t} (id integer references ${t})`, /foreign key/],
  [
    'a trigger',
    (t: string) =>
      `create trigger touched before update on ${t} for each row execute function suppress_redundant_updates_trigger()`,
    /trigger touched/,
  ],
  ['a publication', (t: string) => `create publication p_${t} for table ${t}`, /publication/],
  ['a column of somebody else', (t: string) => `alter table ${t} add column note text`, /column note/],
])(
  'refuses at the start what renaming would break: %s',
  async (_what, make, message) => {
    system.follow();
    await query(make(system.table));
    await vi.waitFor(
      async () => {
        const { code, out } = await system.banyan('rebuild', system.table);
        expect([code, out]).toEqual([1, expect.stringMatching(message)]);
      },
      { timeout: 60_000 },
    );
    expect((await query('select from banyan.rebuild')).rows).toHaveLength(0);
  },
  240_000,
);

it('makes up for an event that was skipped before: its key counts as stale no longer', async () => {
  const { table } = system;
  const reading = system.follow();
  await system.startChild(RATE);
  expect((await system.heeded('backfill', table, '--wait')).code).toBe(0);
  await system.database.pool.query(
    `update project set version = 2, name = 'new' where id = 7; select banyan.emit('project', '7', 'ProjectSaved', '\\xff', 2)`,
  );
  await vi.waitFor(
    async () => expect((await query('select from banyan.parked_event')).rows).toHaveLength(1),
    { timeout: 60_000 },
  );
  await query(
    `select banyan.skip_parked('${system.subscriber}', source, aggregate, aggregate_id, true, 'rubbish', 'op') from banyan.parked_key`,
  );
  const asOf = (): number | undefined =>
    reading.freshness({ source: system.source, key: 'project/7' }).asOfMs;
  await vi.waitFor(() => expect(asOf()).toBeUndefined(), { timeout: 60_000 });
  expect((await system.banyan('rebuild', table, '--yes')).code).toBe(0);
  expect((await query('select from banyan.parked_key')).rows).toHaveLength(0);
  await vi.waitFor(() => expect(asOf()).toBeDefined(), { timeout: 60_000 });
  expect((await query('select max(held_keys) as held from banyan.position')).rows).toEqual([{ held: 0 }]);
  await expectEqual();
}, 240_000);

it('is given up without a trace', async () => {
  const { table } = system;
  await fill();
  await system.banyan('rebuild', table);
  expect(await system.banyan('rebuild', 'abort', table)).toMatchObject({
    code: 0,
    out: expect.stringMatching(/aborted/),
  });
  expect(
    (await query(`select from pg_class where relname like '${table.slice(0, 30)}%\\_new\\_%'`)).rows,
  ).toHaveLength(0);
  system.writers.start(1);
  await vi.waitFor(() => expect(system.writers.changes).toBeGreaterThan(20), { timeout: 60_000 });
  await expectEqual();
}, 240_000);

it('is the way on after another history: the subscriber stops at it, and goes over with the rebuild', async () => {
  const { table, source } = system;
  const reading = system.follow();
  const child = await system.startChild(RATE);
  expect(child.connected).toBe(true);
  expect((await system.heeded('backfill', table, '--wait')).code).toBe(0);
  await system.relay.stop();
  await newEpoch({
    source,
    databaseUrl: system.database.url,
    natsUrl: system.nats.url,
    reason: 'restored',
    by: 'op',
  });
  system.relay = system.newRelay();
  system.writers.start(1);
  const stopped = () => reading.status.sources.flatMap(({ lanes }) => lanes.flatMap((lane) => lane.stopped));
  const soon = { timeout: 60_000, interval: 50 };
  await vi.waitFor(
    () => expect(stopped()).toContainEqual(expect.objectContaining({ code: 'BANYAN_OTHER_HISTORY' })),
    soon,
  );
  expect((await system.banyan('rebuild', table, '--yes')).code).toBe(0);
  await expectEqual();
  await vi.waitFor(() => expect(stopped()).toEqual([]), soon);
}, 240_000);
