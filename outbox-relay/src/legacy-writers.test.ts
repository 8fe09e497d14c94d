import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let database: TestDatabase;

beforeAll(async () => {
  const statements = [
    'create table outbox_event (id uuid primary key, aggregatetype text, aggregateid text, type text, payload jsonb, extra int)',
    'create table outbox_bytes (id uuid primary key, aggregatetype text, aggregateid text, type text, payload bytea)',
    'create table invoice (customer int, number int, total numeric, note text, primary key (customer, number))',
    'create table keyless (a int)',
    'create table named ("first, name" text, last text, primary key ("first, name", last))',
  ];
  database = await testDatabase({ roles: ['outbox'], statements });
});

beforeEach(async () => {
  await database.pool.query('truncate banyan.outbox');
});

afterAll(() => database.drop());

const query = (text: string): Promise<{ rows: object[] }> => database.pool.query<object>(text);

interface Published {
  type: string;
  key: string;
  payload: string;
  content: string;
}

async function published(): Promise<Published[]> {
  const { rows } = await database.pool.query<Published>(
    `select event_type as type, aggregate_type || ' ' || aggregate_id as key, convert_from(payload, 'UTF8') as payload,
       headers ->> 'content-type' as content from banyan.outbox order by seq`,
  );
  return rows;
}

describe("a table of Debezium's shape", () => {
  it('publishes what is inserted, with its own id, in the same transaction', async () => {
    await query(`select banyan.adopt_debezium_outbox('outbox_event')`);
    const insert = `insert into outbox_event values ('0190a0b0-0000-7000-8000-000000000001', 'order', '42', 'OrderPlaced', '{"total": 3}', 1)`;
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(insert);
    await client.query('rollback');
    client.release();
    expect(await published()).toEqual([]);
    await query(insert);
    // Debezium's writers often delete at once what they inserted.
    await query('delete from outbox_event');
    expect(await published()).toEqual([
      { type: 'OrderPlaced', key: 'order 42', payload: '{"total": 3}', content: 'application/json' },
    ]);
    const { rows } = await query('select event_id from banyan.outbox');
    expect(rows).toEqual([{ event_id: '0190a0b0-0000-7000-8000-000000000001' }]);
  });

  it('may hold bytes', async () => {
    await query(`select banyan.adopt_debezium_outbox('outbox_bytes')`);
    await query(
      `insert into outbox_bytes values (gen_random_uuid(), 'order', '42', 'OrderPlaced', '\\x6869')`,
    );
    expect(await published()).toMatchObject([{ payload: 'hi', content: 'application/octet-stream' }]);
  });

  it('is left alone again when released', async () => {
    await query(`select banyan.adopt_debezium_outbox('outbox_event')`);
    await query(`select banyan.release_debezium_outbox('outbox_event')`);
    await query(`insert into outbox_event values (gen_random_uuid(), 'order', '42', 'OrderPlaced', '{}', 1)`);
    expect(await published()).toEqual([]);
  });

  it('is refused if columns are missing', async () => {
    await expect(query(`select banyan.adopt_debezium_outbox('invoice')`)).rejects.toThrow(
      /invoice has no column id, aggregatetype, aggregateid, type, payload/,
    );
  });
});

describe('a captured table', () => {
  beforeEach(async () => {
    await query('alter table invoice disable trigger user');
    await query('delete from invoice');
    await query('alter table invoice enable trigger user');
    await query(`select banyan.capture_enable('invoice')`);
    await query(`select banyan.capture_enable('invoice')`);
  });

  const types = async (): Promise<string[]> => (await published()).map(({ type, key }) => `${type} ${key}`);

  it('publishes each change of a row, once, with what was and what is', async () => {
    await query(`insert into invoice values (1, 7, 10.50, 'x')`);
    await query(`update invoice set total = 11 where number = 7`);
    await query(`delete from invoice`);
    const events = await published();
    expect(events.map(({ type, key }) => `${type} ${key}`)).toEqual([
      'RowInserted invoice 1/7',
      'RowUpdated invoice 1/7',
      'RowDeleted invoice 1/7',
    ]);
    expect(JSON.parse(events[1]?.payload ?? '')).toEqual({
      before: { customer: 1, number: 7, total: 10.5, note: 'x' },
      after: { customer: 1, number: 7, total: 11, note: 'x' },
    });
  });

  it('publishes nothing for an update that changes nothing', async () => {
    await query(`insert into invoice values (1, 7, 10, 'x')`);
    await query(`update invoice set total = total`);
    expect(await types()).toEqual(['RowInserted invoice 1/7']);
  });

  it('tells of a changed key as a deletion and an insertion', async () => {
    await query(`insert into invoice values (1, 7, 10, 'x')`);
    await query(`update invoice set number = 8`);
    expect((await types()).slice(1)).toEqual(['RowDeleted invoice 1/7', 'RowInserted invoice 1/8']);
  });

  it('cannot be truncated, which would tell of no rows', async () => {
    await expect(query('truncate invoice')).rejects.toMatchObject({ code: 'ZB007' });
  });

  it('is listed, and left alone again when capture is disabled', async () => {
    expect((await query('select captured::text from banyan.captured_table')).rows).toEqual([
      { captured: 'invoice' },
    ]);
    await query(`select banyan.capture_disable('invoice')`);
    await query(`insert into invoice values (1, 7, 10, 'x')`);
    await query('truncate invoice');
    expect(await types()).toEqual([]);
  });

  it('never gives two rows the same key', async () => {
    await query(`select banyan.capture_enable('named')`);
    await query(`insert into named values ('a/b', 'c'), ('a', 'b/c'), ('a%2Fb', 'c')`);
    expect(new Set(await types()).size).toBe(3);
  });

  it('is refused without a primary key', async () => {
    await expect(query(`select banyan.capture_enable('keyless')`)).rejects.toThrow(
      /keyless has no primary key/,
    );
  });
});
