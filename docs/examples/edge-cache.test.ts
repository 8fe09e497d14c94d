import { credentials, Server, ServerCredentials, status, type handleUnaryCall } from '@grpc/grpc-js';
import {
  type GetProjectResponse,
  Project,
  ProjectCreatedEvent,
  ProjectRenamedEvent,
  ProjectsServiceClient,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';
import { changeStage, StageWatch } from '@banyan/control';
import { startNats, temporaryFolder, testDatabase, testRedis } from '@banyan/devstack';
import { memoryCache, type EdgeCache } from '@banyan/edge';
import { emit } from '@banyan/outbox';
import { SourceRelay } from '@banyan/relay';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { cachedEdge, feedOfTeams, sharedCache } from './edge-cache.js';

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const projectOf = (version: number): Project =>
  Project.fromPartial({ id: 'p1', version, teamId: 't1', name: `version ${version}` });

let now = projectOf(1);
let calls = 0;

/** The provider: a real one, over gRPC. */
async function provider(): Promise<string> {
  const getProject: handleUnaryCall<GetProjectRequest, GetProjectResponse> = ({ request }, answer) => {
    calls += 1;
    if (request.id === 'p1') answer(null, { project: now });
    else answer({ code: status.NOT_FOUND, details: 'no such project' });
  };
  const server = new Server();
  server.addService({ getProject: ProjectsServiceService.getProject }, { getProject });
  ends.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(`127.0.0.1:${port}`) : reject(error),
    );
  });
}

let address: string;
beforeAll(async () => {
  address = await provider();
});

it('answers from the cache until an event says otherwise, as the guide says', async () => {
  const folder = await temporaryFolder();
  ends.push(() => folder.remove());
  const [database, server] = await Promise.all([
    testDatabase({ roles: ['outbox'] }),
    startNats({ own: true, dir: folder.path }),
  ]);
  ends.push(() => Promise.all([server.stop(), database.drop()]));
  const nats = await connect({ servers: server.url });
  ends.push(() => nats.close());
  const relay = new SourceRelay({ source: 'projects', databaseUrl: database.url, natsUrl: server.url });
  relay.start();
  ends.push(() => relay.stop());
  const inTransaction = async (work: (tx: Parameters<typeof emit>[0]) => Promise<unknown>): Promise<void> => {
    const tx = await database.pool.connect();
    await tx.query('begin');
    await work(tx);
    await tx.query('commit');
    tx.release();
  };
  await inTransaction((tx) => emit(tx, ProjectCreatedEvent, { project: now }));
  await vi.waitFor(() => expect(relay.status.ackedN).toBe(1), { timeout: 30_000 });

  const stages = new StageWatch({ connection: nats, stateDir: folder.path });
  const { edge, feed, store } = cachedEdge(nats, stages);
  stages.start();
  ends.push(() => Promise.all([feed.stop(), edge.stop(), stages.stop()]));
  await feed.start();
  expect(await feed.untilFollowing({ timeoutMs: 30_000 })).toBe(true);
  const change = { edge: 'tasks -> projects.GetProject', from: 'call', stage: 'cache' } as const;
  await changeStage(nats, { ...change, by: 'ann', why: 'the guide', expected: undefined, waitMs: 1 });
  await expect.poll(() => edge.stage.running.stage).toBe('cache');

  const client = new ProjectsServiceClient(address, credentials.createInsecure(), {
    interceptors: [edge.interceptor],
  });
  ends.push(() => client.close());
  const name = (): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      client.getProject({ id: 'p1' }, (error, answer) =>
        error === null ? resolve(answer.project?.name) : reject(error),
      );
    });
  expect([await name(), await name()]).toEqual(['version 1', 'version 1']);
  expect(calls).toBe(1);
  const byTeam = feedOfTeams(nats, store);
  await byTeam.start();
  ends.push(() => byTeam.stop());
  now = projectOf(2);
  await inTransaction((tx) => emit(tx, ProjectRenamedEvent, { project: now, previousName: 'version 1' }));
  await expect.poll(name, { timeout: 30_000 }).toBe('version 2');
});

it('shares a Redis', async () => {
  const redis = await testRedis();
  if (redis === undefined) return;
  ends.push(() => redis.stop());
  const store: EdgeCache = sharedCache(redis.url);
  ends.push(() => store.close());
  await vi.waitFor(() => store.flush('projects'), { timeout: 10_000 });
  expect(store.status.flushes).toBeGreaterThan(0);
  expect(memoryCache().status.flushes).toBe(0);
});
