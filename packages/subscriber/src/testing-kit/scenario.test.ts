import { defineEvent, factOf, type Fact } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';
import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { on, onBatch, type HandlerEntry } from '../handler.js';
import { deleteOn, replica, rowFrom } from '../replica/replica.js';
import { scenario } from './index.js';

interface Project {
  id: string;
  version: number;
}

const event = (type: string) =>
  defineEvent<Project>({
    source: 'projects',
    aggregate: 'project',
    type,
    codec: {
      encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
      decode: (input) => JSON.parse(Buffer.from(input).toString()) as Project,
    },
    key: ({ id }) => id,
    version: ({ version }) => version,
  });
const [Renamed, Deleted] = [event('ProjectRenamed'), event('ProjectDeleted')];
const renamed = (id: string, version: number): Fact => factOf(Renamed, { id, version });
const deleted = (id: string, version: number): Fact => factOf(Deleted, { id, version });

let database: TestDatabase;

beforeEach(async () => {
  const statements = [
    'create table project_replica (id text primary key, version bigint)',
    'create table tally (id text primary key, n int not null)',
  ];
  database = await testDatabase({ roles: ['subscriber'], statements });
});

afterEach(() => database.drop());

const projects = replica({
  table: 'project_replica',
  key: 'id',
  columns: ['id', 'version'],
  version: 'version',
  mappings: [rowFrom(Renamed, ({ id, version }) => ({ id, version })), deleteOn(Deleted)],
});

const COUNT = 'insert into tally values ($1, $2) on conflict (id) do update set n = tally.n + excluded.n';

async function add(db: Queryable, id: string): Promise<void> {
  await db.query(COUNT, [id, 1]);
}

/** Rows of `tally`, by handlers that are made anew at each restart. */
const counting = (handlers: () => HandlerEntry[]) =>
  scenario({
    databaseUrl: database.url,
    handlers,
    tables: ['tally'],
    rows: 'select id, n from tally order by id',
  });

describe('a scenario', () => {
  it('accepts a replica that is right in whatever way its events come', async () => {
    await scenario({ databaseUrl: database.url, handlers: [projects] })
      .given(renamed('a', 1), renamed('b', 1), renamed('a', 2))
      .when(deleted('b', 2), renamed('a', 3))
      .then([{ id: 'a', version: 3 }]);
  });

  it('accepts handlers that count in their transaction', async () => {
    const handlers = () => [on(Renamed, (tx, { id }) => add(tx, id))];
    await counting(handlers)
      .given(renamed('a', 1), renamed('a', 2))
      .when(renamed('b', 1), renamed('a', 3))
      .then([
        { id: 'a', n: 3 },
        { id: 'b', n: 1 },
      ]);
  });

  it('shows the rows that differ when the expectation is wrong', async () => {
    const wrong = scenario({ databaseUrl: database.url, handlers: [projects] })
      .when(renamed('a', 1), renamed('b', 1))
      .then([
        { id: 'a', version: 1 },
        { id: 'b', version: 2 },
      ]);
    await expect(wrong).rejects.toThrow(
      "sent as one batch: the rows differ (- expected, + there)\n- { id: 'b', version: 2 }\n+ { id: 'b', version: 1 }",
    );
  });

  it('says what is parked, and accepts it where it is expected', async () => {
    const handlers = () => [
      on(Renamed, async (tx, { id }) => {
        if (id === 'bad') throw new Error('no such project');
        await tx.query(COUNT, [id, 1]);
      }),
    ];
    const story = counting(handlers).when(renamed('bad', 1), renamed('a', 1), renamed('bad', 2));
    await expect(story.then([{ id: 'a', n: 1 }])).rejects.toThrow(
      'sent as one batch: parked are\n  project/bad: no such project\nexpected none',
    );
    await story.thenParked(['project/bad'], [{ id: 'a', n: 1 }]);
  });

  it('refuses tables that hold rows, and leaves them alone', async () => {
    await database.pool.query(`insert into project_replica values ('mine', 1)`);
    const story = scenario({ databaseUrl: database.url, handlers: [projects] }).when(renamed('a', 1));
    await expect(story.then([])).rejects.toThrow(/project_replica holds 1 rows/);
    expect((await database.pool.query('select id from project_replica')).rows).toEqual([{ id: 'mine' }]);
  });

  it('leaves nothing behind', async () => {
    await scenario({ databaseUrl: database.url, handlers: [projects] })
      .when(renamed('a', 1), deleted('a', 2))
      .then([]);
    for (const table of ['project_replica', 'banyan.subscription', 'banyan.tombstone'])
      expect((await database.pool.query(`select from ${table}`)).rowCount).toBe(0);
  });

  it('says so when its end is forgotten', async () => {
    const story: unknown = scenario({ databaseUrl: database.url, handlers: [projects] }).when(
      renamed('a', 1),
    );
    const forgotten = async (): Promise<unknown> => await story;
    await expect(forgotten()).rejects.toThrow(/a scenario ends with \.then/);
  });
});

describe('a handler that is wrong', () => {
  const events = [renamed('a', 1), renamed('b', 1), renamed('a', 2), renamed('a', 3)];
  const right = [
    { id: 'a', n: 3 },
    { id: 'b', n: 1 },
  ];
  const outcome = (handlers: () => HandlerEntry[]) => counting(handlers).when(events).then(right);

  it('is found by a crash when it writes outside of its transaction', async () => {
    const outside = on(Renamed, (_tx, { id }) => add(database.pool, id));
    await expect(outcome(() => [outside])).rejects.toThrow(
      /^sent as a crash between applying and committing each event: .*\n- { id: 'a', n: 3 }\n\+ { id: 'a', n: 6 }/,
    );
  });

  it('is found by a restart when it counts in memory', async () => {
    const inMemory = (): HandlerEntry[] => {
      const seen = new Map<string, number>();
      const count = on(Renamed, async (tx, { id }) => {
        seen.set(id, (seen.get(id) ?? 0) + 1);
        const sql = 'insert into tally values ($1, $2) on conflict (id) do update set n = excluded.n';
        await tx.query(sql, [id, seen.get(id)]);
      });
      return [count];
    };
    await expect(outcome(inMemory)).rejects.toThrow(
      /^sent as a restart after each event, and all sent again: /,
    );
  });

  it('is found by other batches when it takes a batch for one event', async () => {
    const oneRow = onBatch(Renamed, async (tx, all) => {
      for (const id of new Set(all.map(({ data }) => data.id))) await tx.query(COUNT, [id, 1]);
    });
    const sums = [
      { id: 'a', n: 1 },
      { id: 'b', n: 1 },
    ];
    await expect(
      counting(() => [oneRow])
        .when(events)
        .then(sums),
    ).rejects.toThrow(/^sent as one by one: /);
  });

  it('is found by batches of two when it is right alone and with all', async () => {
    const firstAndLast = onBatch(Renamed, async (tx, all) => {
      if (all.length === 2) return;
      for (const { data } of all) await tx.query(COUNT, [data.id, 1]);
    });
    await expect(outcome(() => [firstAndLast])).rejects.toThrow(/^sent as batches of two: /);
  });

  it('is found by sending all twice when its position is lost', async () => {
    const sound = on(Renamed, (tx, { id }) => add(tx, id));
    await database.pool.query(`
      create function forget() returns trigger language plpgsql as $$ begin new.epoch = 0; new.n = 0; return new; end $$;
      create trigger forget before update on banyan.position for each row when (new.n > 0) execute function forget()`);
    await expect(
      counting(() => [sound])
        .when(renamed('a', 1))
        .then([{ id: 'a', n: 1 }]),
    ).rejects.toThrow(/^sent as every event twice: /);
  });
});
