import { describe, expect, it } from 'vitest';
import { testDatabase, testNats, uniqueName } from '../index.js';

describe('testDatabase', () => {
  it('gives each caller a database of their own', async () => {
    const [one, other] = await Promise.all([
      testDatabase({ statements: ['CREATE TABLE note (words text)'] }),
      testDatabase(),
    ]);
    expect(one.url).not.toBe(other.url);
    await one.pool.query("INSERT INTO note VALUES ('mine')");
    const { rows } = await other.pool.query('SELECT to_regclass($1) AS found', ['note']);
    expect(rows).toEqual([{ found: null }]);
    await Promise.all([one.drop(), other.drop()]);
  });

  it('applies the migrations of the roles in the order given', async () => {
    const database = await testDatabase({ roles: ['outbox', 'subscriber'] });
    const { rows } = await database.pool.query<{ table: string }>(
      `SELECT tablename AS table FROM pg_tables WHERE schemaname = 'banyan' AND tablename LIKE 'migration%' ORDER BY 1`,
    );
    expect(rows.map(({ table }) => table)).toEqual(['migration_outbox', 'migration_subscriber']);
    await database.drop();
  });

  it('removes a database that somebody is still connected to', async () => {
    const database = await testDatabase();
    const other = await testDatabase();
    const name = new URL(database.url).pathname.slice(1);
    await database.pool.connect().then((client) => {
      client.on('error', () => undefined);
      client.release();
    });
    await database.drop();
    const { rowCount } = await other.pool.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    expect(rowCount).toBe(0);
    await other.drop();
  });
});

describe('testNats', () => {
  it('connects to a server with JetStream that all tests share', async () => {
    const [one, other] = await Promise.all([testNats(), testNats()]);
    expect(one.connection.info?.jetstream).toBe(true);
    expect(other.connection.info?.server_id).toBe(one.connection.info?.server_id);
    await Promise.all([one.close(), other.close()]);
  });

  it('has names that are subject tokens and never the same', () => {
    expect(uniqueName('Projects')).toMatch(/^projects_[0-9a-f]{12}$/);
    expect(uniqueName('projects')).not.toBe(uniqueName('projects'));
  });
});
