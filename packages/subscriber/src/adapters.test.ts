import { testDatabase, testNats, uniqueName } from '@banyan/devstack';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bigint, pgTable, text } from 'drizzle-orm/pg-core';
import { Kysely, PostgresDialect } from 'kysely';
import { expect, it, vi } from 'vitest';
import { on } from './handler.js';
import { kyselyPool } from './kysely-pool.js';
import { subscriber } from './subscriber.js';
import { TestSource } from './testing/test-source.js';

const project = pgTable('project', {
  id: text('id').primaryKey(),
  version: bigint('version', { mode: 'number' }),
});

interface Tables {
  project: { id: string; version: number };
}

it('lets handlers write with Drizzle and with Kysely, in the subscriber’s transaction', async () => {
  const statements = ['create table project (id text primary key, version bigint)'];
  const [database, nats] = await Promise.all([
    testDatabase({ roles: ['subscriber'], statements }),
    testNats(),
  ]);
  const source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  const handler = on(source.renamed, async (tx, { id, version }) => {
    await drizzle({ client: tx })
      .insert(project)
      .values({ id: `drizzle-${id}`, version });
    const kysely = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: kyselyPool(tx) }) });
    await kysely
      .insertInto('project')
      .values({ id: `kysely-${id}`, version })
      .execute();
    if (id === 'bad') throw new Error('both are taken back');
  });
  const running = subscriber({
    name: 'test',
    sources: [source.name],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers: [handler],
    maxAttempts: 1,
  });
  await source.send('bad', 'good');
  running.start();
  try {
    await vi.waitFor(() => expect(running.status).toMatchObject({ applied: 1, queued: 1 }), 15_000);
    const { rows } = await database.pool.query<object>('select id from project order by id');
    expect(rows).toEqual([{ id: 'drizzle-good' }, { id: 'kysely-good' }]);
  } finally {
    await running.stop();
    await source.deleteStream();
    await Promise.all([database.drop(), nats.close()]);
  }
});
