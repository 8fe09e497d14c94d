import { randomUUID } from 'node:crypto';
import { encodeHeartbeat, heartbeatSubjectOf, partitionOf, PARTITIONS, subjectOf } from '@banyan/contracts';
import {
  ProjectCreatedEvent,
  ProjectRenamedEvent,
  ProjectState,
  type Project,
} from '@banyan/contracts/projects';
import { TasksServiceClient } from '@banyan/contracts/tasks';
import { changeStage } from '@banyan/control';
import {
  freePort,
  startNats,
  temporaryFolder,
  testDatabase,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { silentLogger } from '@banyan/runtime';
import { clientFor, unary, type ServiceHost } from '@banyan/service-host';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTasks } from './service.js';

const EDGE = 'tasks -> projects.GetProject';

let folder: TemporaryFolder;
let database: TestDatabase;
let server: NatsServer;
let nats: NatsConnection;
let host: ServiceHost;
let client: TasksServiceClient;
let beating: NodeJS.Timeout;
const heads = new Array<number>(PARTITIONS).fill(0);
let lastN = 0;

// A server of its own: the source's name is fixed.
beforeAll(async () => {
  [folder, database] = await Promise.all([
    temporaryFolder(),
    testDatabase({ roles: ['outbox', 'subscriber', 'tasks'] }),
  ]);
  server = await startNats({ dir: `${folder.path}/nats`, own: true });
  nats = await connect({ servers: server.url });
  await (await jetstreamManager(nats)).streams.add({ name: 'EVENTS_PROJECTS', subjects: ['evt.projects.>'] });
  const nobody = `127.0.0.1:${await freePort()}`;
  host = await startTasks({
    databaseUrl: database.url,
    address: '127.0.0.1:0',
    teamsAddress: nobody,
    projectsAddress: nobody,
    natsUrl: server.url,
    stateDir: `${folder.path}/state`,
    logger: silentLogger,
  });
  client = clientFor(TasksServiceClient, host.address, { caller: 'tests' });
  beating = setInterval(beat, 50);
});

afterAll(async () => {
  clearInterval(beating);
  client.close();
  await host.stop();
  await nats.close();
  await server.stop();
  await Promise.all([database.drop(), folder.remove()]);
});

/** "Everything until now is in the stream." */
function beat(): void {
  const heartbeat = {
    source: 'projects',
    epoch: 1,
    tick: 1,
    n: lastN,
    heads,
    asOfMs: Date.now(),
    timeline: 1,
  };
  nats.publish(heartbeatSubjectOf('projects'), encodeHeartbeat(heartbeat));
}

/** What a relay would publish. */
async function publish(type: string, id: string, payload: Uint8Array): Promise<void> {
  const partition = partitionOf('project', id);
  const head = headers();
  lastN += 1;
  head.set('ce-id', randomUUID());
  head.set('ce-subject', id);
  head.set('ce-time', new Date().toISOString());
  head.set('Banyan-Position', `1.${lastN}`);
  head.set('Banyan-Prev', `1.${heads[partition] ?? 0}`);
  head.set('Banyan-Version', '1');
  heads[partition] = lastN;
  const subject = subjectOf('projects', { aggregate: 'project', type, partition });
  await nats.request(subject, payload, { headers: head, timeout: 20_000 });
}

async function createProject(): Promise<string> {
  const id = randomUUID();
  const [createdAt, updatedAt] = [new Date(), new Date()];
  const project: Project = {
    id,
    teamId: randomUUID(),
    name: 'Garden',
    state: ProjectState.ACTIVE,
    openTasks: 0,
    version: 1,
    createdAt,
    updatedAt,
  };
  await publish(ProjectCreatedEvent.type, id, ProjectCreatedEvent.encode({ project }));
  return id;
}

const createTask = (projectId: string): Promise<unknown> =>
  unary(client.createTask.bind(client), { projectId, name: 'Plant', assigneeId: '' });

it('answers from the replica for all projects but one whose event failed', async () => {
  const [whole, broken] = [await createProject(), await createProject()];
  await changeStage(nats, {
    edge: EDGE,
    stage: 'replica',
    from: 'call',
    by: 'a test',
    why: '-',
    expected: undefined,
  });
  await vi.waitFor(() => createTask(broken), { timeout: 60_000, interval: 50 });
  // It carries no project: the replica cannot take it.
  await publish(ProjectRenamedEvent.type, broken, new Uint8Array());
  await vi.waitFor(
    () =>
      expect(createTask(broken)).rejects.toThrow(/BANYAN_REPLICA_STALE: .* is behind in what was asked for/),
    { timeout: 60_000, interval: 50 },
  );
  // A replica that fell behind its budget for a moment, as on a busy machine, catches up; one that is held up does not.
  await vi.waitFor(() => createTask(whole), { timeout: 30_000, interval: 50 });
});
