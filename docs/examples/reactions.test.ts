import { join } from 'node:path';
import { TasksServiceClient, TasksServiceService } from '@banyan/contracts/tasks';
import { changeStage, type ReactionStage } from '@banyan/control';
import {
  startNats,
  temporaryFolder,
  testDatabase,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { EdgeProcess } from '@banyan/edge';
import { SourceRelay } from '@banyan/relay';
import { clientFor, detached, serve, unaryService, type ServiceHost } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { archive, caller, receiver } from './reactions.js';

const TABLES = [
  'create table project (id text primary key, state int not null default 1, version bigint not null default 1)',
  'create table task (project_id text, archived boolean not null default false, times int not null default 0)',
  // The effect itself would not show that it was done twice.
  `create function count_times() returns trigger language plpgsql as
   $$ begin new.times := old.times + 1; return new; end $$`,
  'create trigger count_times before update on task for each row execute function count_times()',
];

let database: TestDatabase;
let server: NatsServer;
let folder: TemporaryFolder;
let nats: NatsConnection;
let relay: SourceRelay;
let host: ServiceHost;
let client: TasksServiceClient;
let ends: [projects: EdgeProcess, tasks: EdgeProcess];

beforeAll(async () => {
  // Its own server: the page's edge has a plain name.
  folder = await temporaryFolder();
  [database, server] = await Promise.all([
    testDatabase({ roles: ['outbox', 'subscriber'], statements: TABLES }),
    startNats({ dir: join(folder.path, 'nats'), own: true }),
  ]);
  nats = await connect({ servers: server.url });
  relay = new SourceRelay({ source: 'projects', databaseUrl: database.url, natsUrl: server.url });
  relay.start();
  const process = (service: string): EdgeProcess =>
    new EdgeProcess({
      service,
      natsUrl: server.url,
      databaseUrl: database.url,
      stateDir: join(folder.path, service),
      readyTimeoutMs: 0,
    });
  ends = [process('projects'), process('tasks')];
});

afterAll(async () => {
  client.close();
  await host.stop();
  await Promise.all(ends.map((end) => end.stop()));
  await relay.stop();
  await nats.close();
  await server.stop();
  await Promise.all([database.drop(), folder.remove()]);
});

it('archives the tasks of each project once, at every stage', { timeout: 120_000 }, async () => {
  const [projects, tasks] = ends;
  const receiving = receiver(tasks, database.pool);
  const { archiveProjectTasks } = TasksServiceService;
  const service = unaryService({ archiveProjectTasks }, { archiveProjectTasks: receiving.method });
  host = await serve({ name: 'tasks', services: [service] });
  client = clientFor(TasksServiceClient, host.address, { caller: 'projects' });
  const follow = caller(projects, client);
  await Promise.all([projects.start(), tasks.start()]);
  const stages = ['call', 'dual', 'event'] as const;
  for (const [i, stage] of stages.entries()) {
    if (i > 0) await move(stage, stages[i - 1] ?? 'call');
    await database.pool.query('insert into project (id) values ($1)', [stage]);
    await database.pool.query('insert into task (project_id) values ($1), ($1)', [stage]);
    const context = { ...detached(30_000), signal: new AbortController().signal };
    expect(await archive(database.pool, follow, { id: stage, context })).toMatchObject({ version: 2 });
  }
  await vi.waitFor(async () => expect(await archivedTimes()).toEqual({ call: 1, dual: 1, event: 1 }), {
    timeout: 30_000,
  });
});

let last: string | undefined;

async function move(stage: ReactionStage, from: ReactionStage): Promise<void> {
  const edge = 'projects -> tasks.ArchiveProjectTasks';
  const change = { edge, kind: 'reaction', stage, from, by: 'ann', why: 'guide', expected: last } as const;
  const { record, missing } = await changeStage(nats, change);
  expect(missing).toEqual([]);
  last = record.changeId;
}

async function archivedTimes(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ id: string; times: number }>(
    'select project_id as id, max(times) as times from task where archived group by 1 order by 1',
  );
  return Object.fromEntries(rows.map(({ id, times }) => [id, times]));
}
