import { status as Code, type ServiceError } from '@grpc/grpc-js';
import { TasksServiceClient, tasksEvents, TaskState, type Task } from '@banyan/contracts/tasks';
import {
  freePort,
  temporaryFolder,
  testDatabase,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { silentLogger, type LogFields } from '@banyan/runtime';
import { clientFor, detailsOf, newId, unary, type ServiceHost } from '@banyan/service-host';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTasks } from './service.js';
import { insertTask } from './task-store.js';

let database: TestDatabase;
let folder: TemporaryFolder;
let host: ServiceHost;
let client: TasksServiceClient;
const lost: LogFields[] = [];

// Teams, projects and the broker are away: what needs them is tried with all three processes (see the seven edges).
beforeAll(async () => {
  folder = await temporaryFolder();
  database = await testDatabase({ roles: ['outbox', 'subscriber', 'tasks'] });
  const nobody = `127.0.0.1:${await freePort()}`;
  host = await startTasks({
    databaseUrl: database.url,
    address: '127.0.0.1:0',
    teamsAddress: nobody,
    projectsAddress: nobody,
    natsUrl: nobody,
    stateDir: folder.path,
    logger: { ...silentLogger, error: (_message, fields = {}) => 'edge' in fields && lost.push(fields) },
  });
  client = clientFor(TasksServiceClient, host.address, { caller: 'tests' });
});

beforeEach(() => {
  lost.length = 0;
});

afterAll(async () => {
  client.close();
  await host.stop();
  await database.drop();
  await folder.remove();
});

describe('a task', () => {
  it('is renamed, completed and reopened, with an event for each', async () => {
    const { id } = await seed({ name: 'Plant' });
    const rename = { id, name: 'Water', expectedVersion: 1 };
    const { task: renamed } = await unary(client.renameTask.bind(client), rename);
    const { task: completed } = await unary(client.completeTask.bind(client), { id, expectedVersion: 2 });
    const { task: reopened } = await unary(client.reopenTask.bind(client), { id, expectedVersion: 3 });
    expect(await get(id)).toEqual(reopened);
    expect(await published(id)).toEqual([
      { type: 'TaskRenamed', data: { task: renamed, previousName: 'Plant' } },
      { type: 'TaskCompleted', data: { task: completed } },
      { type: 'TaskReopened', data: { task: reopened } },
    ]);
  });

  it('reports openings and closings; while projects is away they are lost, and logged', async () => {
    const { id } = await seed({});
    await unary(client.completeTask.bind(client), { id, expectedVersion: 0 });
    await unary(client.completeTask.bind(client), { id, expectedVersion: 0 });
    expect(lost).toMatchObject([{ edge: 'tasks -> projects.RecordTaskActivity' }]);
  });

  it('is taken from who has it without asking teams', async () => {
    const { id } = await seed({ assigneeId: 'ann' });
    const request = { id, assigneeId: '', expectedVersion: 0 };
    const { task } = await unary(client.assignTask.bind(client), request);
    expect(task).toMatchObject({ assigneeId: '', version: 2 });
    expect(await published(id)).toMatchObject([
      { type: 'TaskUnassigned', data: { previousAssigneeId: 'ann' } },
    ]);
  });

  it('is given to nobody while teams is away', async () => {
    const { id } = await seed({});
    const request = { id, assigneeId: 'ann', expectedVersion: 0 };
    expect((await failure(unary(client.assignTask.bind(client), request))).code).toBe(Code.UNAVAILABLE);
  });

  it('is not created while projects is away', async () => {
    const request = { projectId: newId(), name: 'Plant', assigneeId: '' };
    expect((await failure(unary(client.createTask.bind(client), request))).code).toBe(Code.UNAVAILABLE);
  });

  it('refuses a change meant for another version', async () => {
    const { id } = await seed({});
    const error = await failure(unary(client.completeTask.bind(client), { id, expectedVersion: 4 }));
    expect(error.code).toBe(Code.ABORTED);
    expect(detailsOf(error).info?.metadata).toMatchObject({ currentVersion: '1' });
  });
});

describe('archiving the tasks of a project', () => {
  it('archives all of them, open or done, and no others', async () => {
    const projectId = newId();
    const open = await seed({ projectId });
    const done = await seed({ projectId, state: TaskState.DONE });
    const other = await seed({});
    expect(await archive(projectId)).toBe(2);
    expect(await archive(projectId)).toBe(0);
    expect(await get(open.id)).toMatchObject({ state: TaskState.ARCHIVED, version: 2 });
    expect(await published(done.id)).toMatchObject([{ data: { previousState: TaskState.DONE } }]);
    expect(await get(other.id)).toEqual(other);
    expect(lost).toHaveLength(1);
  });

  it('goes on over as many batches as it takes', async () => {
    const projectId = newId();
    for (let i = 0; i < 230; i++) await seed({ projectId, state: TaskState.DONE });
    expect(await archive(projectId)).toBe(230);
  });

  it('leaves tasks that nothing changes', async () => {
    const { id, projectId } = await seed({});
    await archive(projectId);
    const error = await failure(unary(client.reopenTask.bind(client), { id, expectedVersion: 0 }));
    expect(detailsOf(error).info?.reason).toBe('TASK_ARCHIVED');
  });
});

describe('the leaving of a member', () => {
  it('takes their tasks of that team from them, and no others', async () => {
    const teamId = newId();
    const mine = await seed({ teamId, assigneeId: 'ann' });
    const elsewhere = await seed({ assigneeId: 'ann' });
    const theirs = await seed({ teamId, assigneeId: 'bob' });
    const { unassigned } = await unary(client.unassignMember.bind(client), { teamId, memberId: 'ann' });
    expect(unassigned).toBe(1);
    expect(await get(mine.id)).toMatchObject({ assigneeId: '', version: 2 });
    expect(await get(elsewhere.id)).toEqual(elsewhere);
    expect(await get(theirs.id)).toEqual(theirs);
  });
});

describe('a list', () => {
  it('goes by project and by assignee, page by page', async () => {
    const projectId = newId();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const id = newId(1_700_000_000_000 + i);
      ids.push((await seed({ id, projectId, assigneeId: i === 1 ? '' : 'zoe' })).id);
    }
    const list = client.listTasks.bind(client);
    const filter = { projectId, assigneeId: '', pageSize: 2 };
    const first = await unary(list, { ...filter, pageToken: '' });
    const second = await unary(list, { ...filter, pageToken: first.nextPageToken });
    expect([...first.tasks, ...second.tasks].map(({ id }) => id)).toEqual(ids);
    expect(second.nextPageToken).toBe('');
    const hers = await unary(list, { projectId: '', assigneeId: 'zoe', pageSize: 0, pageToken: '' });
    expect(hers.tasks.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
  });
});

async function seed(given: Partial<Task>): Promise<Task> {
  const task: Task = {
    id: newId(),
    version: 1,
    projectId: newId(),
    teamId: newId(),
    name: 'Plant',
    state: TaskState.OPEN,
    assigneeId: '',
    createdAt: new Date(),
    updatedAt: new Date(),
    ...given,
  };
  await insertTask(database.pool, task);
  return task;
}

async function get(id: string): Promise<Task | undefined> {
  return (await unary(client.getTask.bind(client), { id })).task;
}

async function archive(projectId: string): Promise<number> {
  return (await unary(client.archiveProjectTasks.bind(client), { projectId })).archived;
}

/** What the outbox holds about a task, in its order. */
async function published(id: string): Promise<{ type: string; data: unknown }[]> {
  const { rows } = await database.pool.query<{ type: string; payload: Buffer }>(
    `select event_type as type, payload from banyan.outbox
     where aggregate_type = 'task' and aggregate_id = $1 order by seq`,
    [id],
  );
  return rows.map(({ type, payload }) => {
    const event = Object.values(tasksEvents).find((candidate) => candidate.type === type);
    return { type, data: event?.decode(payload) };
  });
}

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ServiceError,
  );
}
