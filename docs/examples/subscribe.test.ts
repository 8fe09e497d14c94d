import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { streamOf } from '@banyan/contracts';
import { Project, ProjectState } from '@banyan/contracts/projects';
import {
  startNats,
  temporaryFolder,
  testDatabase,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { emit } from '@banyan/outbox';
import { ProjectCreatedEvent, ProjectRenamedEvent } from '@banyan/contracts/projects';
import { SourceRelay } from '@banyan/relay';
import { subscriber } from '@banyan/subscriber';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { first, mailer, names, projects, readOwnWrite, test } from './subscribe.js';

const [before, after] = [
  { id: 'p1', name: 'Fig', version: 1 },
  { id: 'p1', name: 'Banyan', version: 2 },
].map((each) => Project.fromPartial({ ...each, state: ProjectState.ACTIVE })) as [Project, Project];

let database: TestDatabase;
let server: NatsServer;
let folder: TemporaryFolder;
let nats: NatsConnection;
let relay: SourceRelay;
const running: { stop: () => Promise<void> }[] = [];

const TABLES = [
  `create table project_replica (id text primary key, name text not null, is_active boolean not null, version bigint not null)`,
  `create table rename_count (project_id text primary key, n int not null default 0)`,
];

beforeAll(async () => {
  // Its own server: the guide's source has a plain name.
  folder = await temporaryFolder();
  [database, server] = await Promise.all([
    testDatabase({ roles: ['outbox', 'subscriber'], statements: TABLES }),
    startNats({ own: true, dir: folder.path }),
  ]);
  nats = await connect({ servers: server.url });
  relay = new SourceRelay({ source: 'projects', databaseUrl: database.url, natsUrl: server.url });
  relay.start();
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()));
  await relay.stop();
  await nats.close();
  await Promise.all([server.stop(), database.drop()]);
  await folder.remove();
});

async function inTransaction(work: (tx: Parameters<typeof emit>[0]) => Promise<unknown>): Promise<void> {
  const tx = await database.pool.connect();
  try {
    await tx.query('begin');
    await work(tx);
    await tx.query('commit');
  } finally {
    tx.release();
  }
}

it('does what the guide says', async () => {
  const mails: string[] = [];
  await database.pool.query(`insert into rename_count values ('p1')`);
  await inTransaction((tx) => emit(tx, ProjectCreatedEvent, { project: before }));
  await vi.waitFor(() => expect(relay.status.ackedN).toBe(1), { timeout: 30_000 });
  running.push(first(database.url, nats));
  const keeper = subscriber({
    name: 'tasks',
    sources: ['projects'],
    databaseUrl: database.url,
    nats,
    handlers: [projects],
  });
  keeper.start();
  running.push(keeper);
  const sending = mailer(nats, (text) => Promise.resolve(void mails.push(text)), vi.fn());
  running.push(sending);
  await vi.waitFor(() => expect(sending.status.sources[0]?.state).toBe('listening'), { timeout: 30_000 });
  expect((await keeper.waitFor('projects/project/p1@1', { timeoutMs: 30_000 })).reached).toBe(true);
  const map = await names(database.url, nats);
  running.push(map);
  expect(map.get('p1')).toBe('Fig');
  await inTransaction((tx) => emit(tx, ProjectRenamedEvent, { project: after, previousName: 'Fig' }));
  await vi.waitFor(
    async () => {
      expect(await readOwnWrite(keeper, 'projects/project/p1@2')).toBe('there');
      expect(map.get('p1')).toBe('Banyan');
      expect(mails).toEqual(['Fig is called Banyan now']);
      expect((await database.pool.query('select n from rename_count')).rows).toEqual([{ n: 1 }]);
    },
    { timeout: 30_000, interval: 50 },
  );
  expect(streamOf('projects')).toBe('EVENTS_PROJECTS');
});

it('has a scenario that holds', async () => {
  const own = await testDatabase({ roles: ['subscriber'], statements: TABLES });
  try {
    await test(own.url, before, after);
  } finally {
    await own.drop();
  }
});

it('shows the code that is run here', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  await promisify(execFile)('node', ['scripts/fill-examples.mjs', '--check'], { cwd: root });
});
