import { ProjectsServiceService } from '@banyan/contracts/projects';
import { changeStage, collectReports } from '@banyan/control';
import {
  freePort,
  startNats,
  temporaryFolder,
  testDatabase,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { replica, rowFrom } from '@banyan/subscriber';
import { ProjectCreatedEvent } from '@banyan/contracts/projects';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EdgeProcess } from './edge-process.js';

const EDGE = 'tasks -> projects.GetProject';

let folder: TemporaryFolder;
let database: TestDatabase;
let port: number;
let edges: EdgeProcess;
let server: NatsServer | undefined;

beforeEach(async () => {
  [folder, database, port] = await Promise.all([
    temporaryFolder(),
    testDatabase({
      roles: ['outbox', 'subscriber'],
      statements: ['create table kept (id uuid primary key)'],
    }),
    freePort(),
  ]);
  edges = new EdgeProcess({
    service: 'tasks',
    natsUrl: `nats://127.0.0.1:${port}`,
    stateDir: `${folder.path}/state`,
    databaseUrl: database.url,
  });
});

afterEach(async () => {
  await edges.stop();
  await server?.stop();
  server = undefined;
  await Promise.all([database.drop(), folder.remove()]);
});

/** An edge whose replica a subscriber keeps. */
function declare() {
  const kept = replica({
    table: 'kept',
    key: 'id',
    columns: ['id'],
    mappings: [rowFrom(ProjectCreatedEvent, ({ project }) => ({ id: project?.id ?? '' }))],
  });
  const subscriber = edges.follow({ name: 'kept', sources: ['projects'], handlers: [kept] });
  const edge = edges.query({
    edge: EDGE,
    method: ProjectsServiceService.getProject,
    about: { aggregate: 'projects/project', keyOf: ({ id }) => id },
    replica: { subscriber, read: () => Promise.resolve(undefined) },
    compare: { version: ({ project }) => project?.version },
    budget: { stalenessMs: 2000 },
  });
  return { subscriber, edge };
}

it('starts and stops while the broker is away, its replicas not started', async () => {
  const { subscriber, edge } = declare();
  await edges.start();
  expect(edge.stage.running).toMatchObject({ stage: 'call', origin: 'floor' });
  expect(edge.report(false).freshness).toMatchObject({ asOfMs: null, fresh: false });
  expect(subscriber.status).toBeUndefined();
  expect(await subscriber.waitFor('projects/project/p1@1', { timeoutMs: 1000 })).toMatchObject({
    reached: false,
  });
  await edges.stop();
  await edges.stop();
});

it('follows and reports once the broker is there', async () => {
  const { subscriber } = declare();
  const part = { start: vi.fn(), stop: vi.fn() };
  edges.add(part);
  await edges.start();
  server = await startNats({ dir: `${folder.path}/nats`, port, own: true });
  const connection = await edges.connection;
  await expect.poll(() => subscriber.status?.state, { timeout: 15_000 }).toBe('running');
  await vi.waitFor(
    async () => {
      const reports = await collectReports(connection, { waitMs: 300 });
      expect(reports).toMatchObject([{ service: 'tasks', edges: [{ edge: EDGE }] }]);
    },
    { timeout: 15_000 },
  );
  await edges.stop();
  expect(connection.isClosed()).toBe(true);
  expect([part.start.mock.calls.length, part.stop.mock.calls.length]).toEqual([1, 1]);
});

it('tells of a part that cannot start, and starts the others', async () => {
  const told: unknown[] = [];
  const logger = {
    debug: () => 0,
    info: () => 0,
    warn: () => 0,
    error: (...all: unknown[]) => told.push(all),
  };
  const { stateDir, databaseUrl } = { stateDir: folder.path, databaseUrl: database.url };
  const natsUrl = `nats://127.0.0.1:${port}`;
  edges = new EdgeProcess({ service: 'tasks', natsUrl, stateDir, databaseUrl, logger });
  edges.add({ start: () => Promise.reject(new Error('no')), stop: () => undefined });
  const second = edges.add({ start: vi.fn(), stop: vi.fn() });
  await edges.start();
  await vi.waitFor(() => expect(told).toEqual([[expect.any(String), { error: 'no' }]]), { timeout: 10_000 });
  expect(second.start).toHaveBeenCalledOnce();
});

it('waits, on a restart at stage replica, for a replica that is fresh, though not for ever', async () => {
  server = await startNats({ dir: `${folder.path}/nats`, port, own: true });
  const { edge } = declare();
  await edges.start();
  const connection = await edges.connection;
  const change = { edge: EDGE, from: 'call', by: 'a test', why: '-', expected: undefined } as const;
  await changeStage(connection, { ...change, stage: 'replica', waitMs: 1 });
  await expect.poll(() => edge.stage.persisted && edge.stage.running.stage).toBe('replica');
  await edges.stop();

  // Nobody sends heartbeats: it is never fresh.
  const options = { stateDir: `${folder.path}/state`, databaseUrl: database.url };
  const natsUrl = `nats://127.0.0.1:${port}`;
  edges = new EdgeProcess({ service: 'tasks', natsUrl, ...options, readyTimeoutMs: 300 });
  declare();
  const before = performance.now();
  await edges.start();
  expect(performance.now() - before).toBeGreaterThanOrEqual(290);
});
