import { testDatabase, type TestDatabase } from '@banyan/devstack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replica } from './replica.js';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ roles: ['subscriber'] });
});
afterAll(() => database.drop());

const FAULTS: [what: string, table: string, message: RegExp][] = [
  ['is not there', 'select', /the table does not exist/],
  ['is a view', `create view t as select 'a' as id, 1::bigint as version`, /it is no table/],
  ['lacks a column', 'create table t (id text primary key)', /columns are missing: version/],
  [
    'has another primary key',
    'create table t (id text, version bigint, primary key (id, version))',
    /id is not its primary key, alone/,
  ],
  [
    'has a primary key that is checked at commit',
    'create table t (id text primary key deferrable initially deferred, version bigint)',
    /id is not its primary key, alone and not deferrable/,
  ],
  [
    'needs a value that the replica does not have',
    'create table t (id text primary key, version bigint, name text not null)',
    /columns that may not be null get no value: name/,
  ],
  [
    'computes a column of the replica',
    'create table t (id text primary key, version bigint generated always as (1) stored)',
    /columns are generated: version/,
  ],
  [
    'numbers a column of the replica itself',
    'create table t (id text primary key, version bigint generated always as identity)',
    /columns are generated: version/,
  ],
  [
    'has too small a version',
    'create table t (id text primary key, version integer)',
    /the version column version is of type integer, and must be bigint/,
  ],
];

it.each(FAULTS)('a table that %s is refused at the start', async (_what, table, message) => {
  expect(await problemOf(table)).toMatch(message);
});

it('a table that the subscriber may not write is refused at the start', async () => {
  const setup = `create table t (id text primary key, version bigint);
    create role reader; grant select, insert on t to reader; set local role reader`;
  expect(await problemOf(setup)).toMatch(/the subscriber’s role may not UPDATE/);
});

it('a table may have further columns that have defaults', async () => {
  const further = `name text not null default '', i bigint generated always as identity, n int`;
  expect(await problemOf(`create table t (id text primary key, version bigint, ${further})`)).toBe('');
});

/** What the check says of a table that is made so; nothing of it stays. */
async function problemOf(setup: string): Promise<string> {
  const tried = replica({
    table: 't',
    key: 'id',
    version: 'version',
    columns: ['id', 'version'],
    mappings: [],
  });
  const client = await database.pool.connect();
  try {
    await client.query(`begin; ${setup}`);
    await tried.check(client);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  } finally {
    await client.query('rollback');
    client.release();
  }
}
