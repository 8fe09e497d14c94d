import { readdir } from 'node:fs/promises';
import { testDatabase, uniqueName, type TestDatabase } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeSchema } from './describe-schema.js';
import { migrate } from './migrate.js';
import { forSchema, ONCE_A_SOURCE } from './shard-files.js';

let database: TestDatabase;

beforeEach(async () => {
  database = await testDatabase({ roles: ['outbox'] });
});

afterEach(() => database.drop());

const makeShards = (shards: number): Promise<void> =>
  migrate({ databaseUrl: database.url, roles: ['outbox'], shards });

const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', 'x', 1) as id`;
const emitted = async (keys: readonly string[]): Promise<void> => {
  for (const key of keys) await database.pool.query(EMIT, [key]);
};
const keys = Array.from({ length: 40 }, (_, i) => `p${i}`);

/** As if a relay had published everything. */
async function publishAll(schema: string): Promise<void> {
  await database.pool.query(`
    with next as (
      select tick + 1 as tick, first_n + events as first_n, (select count(*) from ${schema}.outbox) as total
      from ${schema}.tick order by tick desc limit 1
    )
    insert into ${schema}.tick (tick, snapshot, first_n, events, heads, taken_at)
    select tick, pg_current_snapshot(), first_n, total - first_n + 1, array_fill(0::bigint, array[64]), now() from next`);
  await database.pool.query(
    `update ${schema}.source set acked_n = (select first_n + events - 1 from ${schema}.tick order by tick desc limit 1)`,
  );
}

/** Objects by name, each with its SQL; without what only one of the two has. */
async function objectsOf(schema: string): Promise<Map<string, string>> {
  const text = await describeSchema(database.url, schema);
  const objects = text.split(/\n\n(?=create |alter |CREATE )/i).map((part) => part.trim());
  return new Map(objects.map((part) => [(part.split('\n')[0] ?? '').replaceAll(`${schema}.`, ''), part]));
}

describe('the schema of a shard', () => {
  it('is that of the source but for its name, and lacks only what writers call', async () => {
    await makeShards(2);
    const [source, shard] = [await objectsOf('banyan'), await objectsOf('banyan_1')];
    for (const [name, sql] of shard) expect(sql, name).toBe(forSchema(source.get(name) ?? '', 'banyan_1'));
    const isTablesOwn = (name: string): boolean => /(add constraint|INDEX) \w+/.test(name);
    const missing = [...source.keys()].filter((name) => !shard.has(name) && !isTablesOwn(name));
    const functions = missing.map((name) => /FUNCTION (\w+)\(/.exec(name)?.[1] ?? name);
    expect(functions.sort()).toEqual([
      'adopt_debezium_outbox',
      'capture_disable',
      'capture_enable',
      'captured_key',
      'check_headers',
      'check_name',
      'check_shards',
      'create table backfill (',
      'create view captured_table as',
      'create view open_transaction as',
      'emit',
      'emit_captured_row',
      'emit_change',
      'emit_debezium_row',
      'is_clean',
      'lock_key',
      'max_event_bytes',
      'partition_of',
      'present_epoch',
      'refuse_stray',
      'refuse_truncate',
      'release_debezium_outbox',
      'set_shards',
      'shard_progress',
      'shard_schemas',
      'shards',
    ]);
  });

  it('is brought up to date with the source, and made only once', async () => {
    await makeShards(3);
    const applied: string[] = [];
    await database.pool.query(`delete from banyan_2.migration_outbox where name = '0030_shard_put'`);
    await database.pool.query('drop function banyan_2.put');
    await migrate({
      databaseUrl: database.url,
      roles: ['outbox'],
      onApplied: (_role, file) => applied.push(file),
    });
    expect(applied).toEqual(['banyan_2/0030_shard_put']);
  });

  it('names as once a source only files that there are', async () => {
    const files = await readdir(new URL('../outbox/', import.meta.url));
    expect(ONCE_A_SOURCE.filter((file) => !files.includes(file))).toEqual([]);
  });
});

describe('banyan.set_shards', () => {
  it('puts each event into the shard of its partition from then on', async () => {
    await makeShards(4);
    await database.pool.query('select banyan.set_shards(4)');
    await emitted(keys);
    let total = 0;
    for (const [shard, schema] of ['banyan', 'banyan_1', 'banyan_2', 'banyan_3'].entries()) {
      const { rows } = await database.pool.query<{ partition: number }>(
        `select partition from ${schema}.outbox`,
      );
      expect(rows.filter(({ partition }) => partition % 4 !== shard)).toEqual([]);
      total += rows.length;
    }
    expect(total).toBe(keys.length);
  });

  it('asks no more of writers than before: usage on the schema banyan', async () => {
    await makeShards(2);
    await database.pool.query('select banyan.set_shards(2)');
    const role = uniqueName('writer').replaceAll('-', '_');
    const writer = await database.pool.connect();
    try {
      await writer.query(`create role ${role}; grant usage on schema banyan to ${role}; set role ${role}`);
      for (const key of keys) await writer.query(EMIT, [key]);
      await expect(writer.query('select from banyan_1.outbox')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await writer.query(`reset role; drop owned by ${role}; drop role ${role}`);
      writer.release();
    }
    expect((await database.pool.query('select from banyan_1.outbox')).rowCount).toBeGreaterThan(0);
  });

  it('refuses a number out of range, or one whose schemas are not there', async () => {
    for (const shards of [0, 65]) {
      await expect(database.pool.query('select banyan.set_shards($1)', [shards])).rejects.toMatchObject({
        code: 'ZB008',
      });
    }
    await expect(database.pool.query('select banyan.set_shards(3)')).rejects.toMatchObject({
      code: 'ZB008',
      message: 'banyan.set_shards: 3 shards need the schemas banyan_1, banyan_2',
      hint: 'Run the migrations of the role outbox with shards: 3 first.',
    });
  });

  it('refuses while an event is not in any tick, or in one that is not acknowledged', async () => {
    await makeShards(2);
    await emitted(['p']);
    const refused = { code: 'ZB009', message: expect.stringContaining('not known to hold') };
    const set = () => database.pool.query('select banyan.set_shards(2, drained => true)');
    await expect(set()).rejects.toMatchObject(refused);
    await publishAll('banyan');
    await database.pool.query('update banyan.source set acked_n = 0');
    await expect(set()).rejects.toMatchObject(refused);
  });

  it('asks whether subscribers are drained once anything was ever published, and takes the word for it', async () => {
    await makeShards(2);
    await emitted(['p']);
    await publishAll('banyan');
    await database.pool.query('truncate banyan.outbox');
    await expect(database.pool.query('select banyan.set_shards(2)')).rejects.toMatchObject({ code: 'ZB009' });
    await database.pool.query('select banyan.set_shards(2, drained => true)');
    expect((await database.pool.query('select banyan.shards()')).rows).toEqual([{ shards: 2 }]);
  });

  it('refuses to go back to fewer shards while a further one has events to publish', async () => {
    await makeShards(4);
    await database.pool.query('select banyan.set_shards(4)');
    await emitted(keys);
    for (const schema of ['banyan', 'banyan_1', 'banyan_2']) await publishAll(schema);
    const set = () => database.pool.query('select banyan.set_shards(1, drained => true)');
    await expect(set()).rejects.toMatchObject({ message: expect.stringContaining('banyan_3') });
    await publishAll('banyan_3');
    await set();
    await emitted(keys);
    const { rows } = await database.pool.query<{ n: number }>('select count(*)::int as n from banyan.outbox');
    const first = await database.pool.query(`select from banyan_3.outbox`);
    expect(rows[0]?.n).toBeGreaterThanOrEqual(keys.length);
    expect(first.rowCount).toBeLessThan(keys.length);
  });

  it('does not wait for a writer whose transaction stays open, and changes nothing then', async () => {
    await makeShards(2);
    const writer = await database.pool.connect();
    try {
      await writer.query('begin');
      await writer.query(EMIT, ['p']);
      const startMs = performance.now();
      await expect(database.pool.query('select banyan.set_shards(2)')).rejects.toMatchObject({
        code: '55P03',
      });
      // All other writers wait behind it meanwhile.
      expect(performance.now() - startMs).toBeLessThan(20_000);
    } finally {
      await writer.query('rollback');
      writer.release();
    }
    expect((await database.pool.query('select banyan.shards()')).rows).toEqual([{ shards: 1 }]);
  });
});

describe('a writer that was on its way while the number changed', () => {
  it('finds the right shard though its session planned emit before', async () => {
    await makeShards(2);
    const writer = await database.pool.connect();
    try {
      const odd = await keyOfShard(1);
      await writer.query('begin');
      for (let i = 0; i < 6; i++) await writer.query(EMIT, [odd]);
      await writer.query('rollback');
      await database.pool.query('select banyan.set_shards(2)');
      await writer.query(EMIT, [odd]);
      expect((await database.pool.query('select from banyan_1.outbox')).rowCount).toBe(1);
    } finally {
      writer.release();
    }
  });

  it('is refused with a retry when its event would go where the key no longer is', async () => {
    await makeShards(2);
    const [operator, writer] = [await database.pool.connect(), await database.pool.connect()];
    try {
      const odd = await keyOfShard(1);
      await operator.query('begin');
      await operator.query('select banyan.set_shards(2)');
      const waiting = writer.query(EMIT, [odd]).catch((error: unknown) => error);
      await expect.poll(() => isWaiting()).toBe(true);
      await operator.query('commit');
      expect(await waiting).toMatchObject({ code: '40001', hint: expect.stringContaining('again') });
      await writer.query(EMIT, [odd]);
      expect((await database.pool.query('select from banyan_1.outbox')).rowCount).toBe(1);
      expect((await database.pool.query('select from banyan.outbox')).rowCount).toBe(0);
    } finally {
      operator.release();
      writer.release();
    }
  });
});

async function keyOfShard(shard: number): Promise<string> {
  const { rows } = await database.pool.query<{ key: string }>(
    `select 'k' || i as key from generate_series(1, 50) i where banyan.partition_of('project', 'k' || i) % 2 = $1 limit 1`,
    [shard],
  );
  return rows[0]!.key;
}

async function isWaiting(): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rowCount === 1;
}
