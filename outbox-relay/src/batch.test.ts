import { testDatabase, type TestDatabase } from '@banyan/devstack';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readBatch } from './batch.js';
import type { PositionedRow } from './positioned-row.js';
import { newestTick, takeTick, type Tick } from './tick.js';

/** Values that are written in more than one way: by COPY in binary format, and by a SELECT in text. */
const FILL = `
insert into banyan.outbox (slot, event_id, partition, aggregate_type, aggregate_id, aggregate_version, event_type, payload,
  headers, emitted_at)
values
  (0, gen_random_uuid(), 0, 'project', 'p1', null, 'ProjectCreated', '', '{}', '2026-01-02 03:04:05+00'),
  (0, gen_random_uuid(), 63, 'project', 'Å – 漢字 – 😀', 1, 'ProjectRenamed', '\\x00ff', '{"a":"é","b":""}', '2026-01-02 03:04:05.1+00'),
  (0, gen_random_uuid(), 7, 'project', 'p"\\,', 9223372036854775807, 'ProjectRenamed', '\\x01', '{}', '1999-12-31 23:59:59.999999+00'),
  (0, gen_random_uuid(), 7, 'project', 'p3', 4294967296, 'ProjectRenamed', '\\x02', '{}', '2026-01-02 03:04:05.000100+05:30')`;

let database: TestDatabase;
let client: pg.Client;
let tick: Tick;

beforeEach(async () => {
  database = await testDatabase({ roles: ['outbox'] });
  const options = '-c search_path=banyan -c timezone=UTC -c datestyle=ISO';
  client = new pg.Client({ connectionString: database.url, options });
  await client.connect();
  await client.query(FILL);
  tick = (await takeTick(client, await newestTick(client))).newest;
});

afterEach(async () => {
  await client.end();
  await database.drop();
});

async function rowsByPagesOf(pageRows: number, fromN = tick.firstN): Promise<PositionedRow[]> {
  const rows: PositionedRow[] = [];
  for await (const page of readBatch(client, tick, fromN, pageRows)) rows.push(...page);
  return rows;
}

it('reads the same events page by page as all at once', async () => {
  const atOnce = await rowsByPagesOf(4);
  expect(atOnce).toHaveLength(4);
  expect(await rowsByPagesOf(1)).toEqual(atOnce);
  expect(await rowsByPagesOf(3)).toEqual(atOnce);
});

it('begins in the middle of a batch', async () => {
  const [, , ...rest] = await rowsByPagesOf(4);
  expect(await rowsByPagesOf(4, tick.firstN + 2)).toEqual(rest);
  expect(await rowsByPagesOf(1, tick.firstN + 2)).toEqual(rest);
});

it('writes times as they were, and numbers that a double cannot hold', async () => {
  const rows = await rowsByPagesOf(1);
  expect(rows.map(({ emittedAt }) => emittedAt)).toEqual([
    '2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05.1Z',
    '1999-12-31T23:59:59.999999Z',
    '2026-01-01T21:34:05.0001Z',
  ]);
  expect(rows.map(({ aggregateVersion }) => aggregateVersion)).toEqual([
    undefined,
    '1',
    '9223372036854775807',
    '4294967296',
  ]);
});

it('says what the database said when a page cannot be read, and the connection is of use again', async () => {
  await client.query('alter table banyan.tick rename column first_seq to other_seq');
  await expect(rowsByPagesOf(1)).rejects.toThrow(/first_seq/);
  await client.query('alter table banyan.tick rename column other_seq to first_seq');
  expect(await rowsByPagesOf(1)).toHaveLength(4);
});

it('ends a page with the payload that fills it, so that large events do not fill the memory', async () => {
  await client.query(`
    insert into banyan.outbox (slot, event_id, partition, aggregate_type, aggregate_id, event_type, payload, headers)
    select 0, gen_random_uuid(), 1, 'project', 'p', 'ProjectRenamed', decode(repeat('ab', 900_000), 'hex'), '{}'
    from generate_series(1, 100)`);
  tick = (await takeTick(client, tick)).newest;
  const pages: number[] = [];
  for await (const page of readBatch(client, tick, tick.firstN, 1000)) pages.push(page.length);
  expect(Math.max(...pages)).toBe(5);
  expect(pages.reduce((sum, rows) => sum + rows)).toBe(100);
});
