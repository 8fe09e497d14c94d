import { defineEvent, partitionOf } from '@banyan/contracts';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emit } from './emit.js';

interface Renamed {
  id: string;
  version: number;
  name: string;
}

const renamed = defineEvent<Renamed>({
  source: 'projects',
  aggregate: 'project',
  type: 'ProjectRenamed',
  codec: {
    encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
    decode: (input) => JSON.parse(Buffer.from(input).toString()) as Renamed,
  },
  key: ({ id }) => id,
  version: ({ version }) => version,
});

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ roles: ['outbox'] });
});

afterAll(() => database.drop());

const rows = async (id: string): Promise<object[]> =>
  (await database.pool.query<object>('select * from banyan.outbox where aggregate_id = $1', [id])).rows;

describe('emit', () => {
  it('writes the event with the version and in the partition of its aggregate', async () => {
    const eventId = await emit(
      database.pool,
      renamed,
      { id: 'p1', version: 3, name: 'x' },
      { headers: { a: 'b' } },
    );
    expect(await rows('p1')).toMatchObject([
      {
        event_id: eventId,
        aggregate_version: '3',
        partition: partitionOf('project', 'p1'),
        headers: { a: 'b' },
      },
    ]);
  });

  it('writes nothing when the transaction is rolled back', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    await emit(client, renamed, { id: 'gone', version: 1, name: 'x' });
    await client.query('rollback');
    client.release();
    expect(await rows('gone')).toEqual([]);
  });

  it('refuses data without the id or the version of its aggregate, before it asks the database', async () => {
    await expect(emit(database.pool, renamed, { id: '', version: 1, name: 'x' })).rejects.toThrow(
      /BANYAN_EVENT_INVALID: event ProjectRenamed has no aggregate id/,
    );
    await expect(emit(database.pool, renamed, { id: 'p', version: 0, name: 'x' })).rejects.toThrow(
      /aggregate version/,
    );
  });
});

describe('banyan.emit refuses in the writer’s transaction', () => {
  it.each([
    [
      'a payload over the limit',
      `'project', 'p', 'T', decode(repeat('00', 1000001), 'hex')`,
      'ZB001',
      /1000001 bytes.*limit is 1000000/,
    ],
    [
      'headers that make it too large',
      `'project', 'p', 'T', decode(repeat('00', 999990), 'hex'), 1, '{"a":"bcd"}'`,
      'ZB001',
      /limit/,
    ],
    ['an aggregate type with a dot', `'pro.ject', 'p', 'T', ''`, 'ZB002', /aggregate type "pro\.ject"/],
    ['an event type with a wildcard', `'project', 'p', '*', ''`, 'ZB002', /event type "\*"/],
    ['an empty event type', `'project', 'p', '', ''`, 'ZB002', /event type ""/],
    ['an id with a line break', `'project', E'a\\nb', 'T', ''`, 'ZB003', /aggregate id "a\\nb"/],
    ['an empty id', `'project', '', 'T', ''`, 'ZB003', /aggregate id ""/],
    ['an id with a blank at its edge', `'project', 'p ', 'T', ''`, 'ZB003', /aggregate id "p "/],
    ['an id with a no-break space at its edge', `'project', E'p\\u00a0', 'T', ''`, 'ZB003', /aggregate id/],
    ['a header value with CR', `'project', 'p', 'T', '', 1, '{"a":"1\\r2"}'`, 'ZB004', /header a/],
    ['a header value that is no string', `'project', 'p', 'T', '', 1, '{"a":1}'`, 'ZB004', /header a/],
    ['a header name with a colon', `'project', 'p', 'T', '', 1, '{"a:b":"1"}'`, 'ZB004', /"a:b" is unusable/],
    [
      'a header name of NATS',
      `'project', 'p', 'T', '', 1, '{"Nats-Msg-Id":"1"}'`,
      'ZB004',
      /"Nats-Msg-Id" is reserved/,
    ],
    ['a header name of Banyan', `'project', 'p', 'T', '', 1, '{"banyan-position":"1"}'`, 'ZB004', /reserved/],
    [
      'headers that are a list',
      `'project', 'p', 'T', '', 1, '[]'`,
      'ZB004',
      /must be a JSON object, not array/,
    ],
    ['a missing id', `'project', null, 'T', ''`, 'ZB005', /aggregate id is null/],
    ['a missing payload', `'project', 'p', 'T', null`, 'ZB005', /payload is null/],
    ['a missing type', `'project', 'p', null, ''`, 'ZB005', /event type is null/],
  ])('%s', async (_what, args, code, message) => {
    const refusal = await database.pool.query(`select banyan.emit(${args})`).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(refusal).toHaveProperty('hint');
  });

  it('lets through the largest event, and the headers that stages and tokens travel in', async () => {
    await database.pool.query(
      `select banyan.emit('project', 'largest', 'T', decode(repeat('00', 999900), 'hex'), 1, '{"banyan-stage":"x","banyan-token":"y"}')`,
    );
    expect(await rows('largest')).toHaveLength(1);
  });
});

describe('partition_of', () => {
  it('is the same in SQL and in TypeScript', async () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => !text.includes('\0'));
    const keys = fc.sample(key, 300);
    const { rows: computed } = await database.pool.query<{ key: string; partition: number }>(
      `select key, banyan.partition_of('project', key) as partition from unnest($1::text[]) key`,
      [keys],
    );
    expect(computed.map(({ partition }) => partition)).toEqual(
      keys.map((text) => partitionOf('project', text)),
    );
  });
});
