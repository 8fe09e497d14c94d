import { status as Code, type ServiceError } from '@grpc/grpc-js';
import {
  ProjectsServiceClient,
  ProjectState,
  projectsEvents,
  TaskActivity,
  type Project,
} from '@banyan/contracts/projects';
import {
  freePort,
  temporaryFolder,
  testDatabase,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { silentLogger, type LogFields } from '@banyan/runtime';
import { clientFor, detailsOf, missingStatus, newId, unary, type ServiceHost } from '@banyan/service-host';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertProject } from './project-store.js';
import { startProjects } from './service.js';

let database: TestDatabase;
let folder: TemporaryFolder;
let host: ServiceHost;
let client: ProjectsServiceClient;
const lost: LogFields[] = [];

// Teams, tasks and the broker are away: what needs them is tried with all three processes (see the seven edges).
beforeAll(async () => {
  folder = await temporaryFolder();
  database = await testDatabase({ roles: ['outbox', 'subscriber', 'projects'] });
  const nobody = `127.0.0.1:${await freePort()}`;
  host = await startProjects({
    databaseUrl: database.url,
    address: '127.0.0.1:0',
    teamsAddress: nobody,
    tasksAddress: nobody,
    natsUrl: nobody,
    stateDir: folder.path,
    logger: { ...silentLogger, error: (_message, fields = {}) => 'edge' in fields && lost.push(fields) },
  });
  client = clientFor(ProjectsServiceClient, host.address, { caller: 'tests' });
});

afterAll(async () => {
  client.close();
  await host.stop();
  await database.drop();
  await folder.remove();
});

describe('a project', () => {
  it('is renamed, and the event carries the state that the caller got', async () => {
    const { id } = await seed({ name: 'Grove' });
    const renamed = await rename({ id, name: ' Wood ', expectedVersion: 1 });
    expect(renamed).toMatchObject({ id, name: 'Wood', version: 2 });
    expect(await get(id)).toEqual(renamed);
    expect(await published(id)).toEqual([{ type: 'ProjectRenamed', version: 2, project: renamed }]);
  });

  it('publishes nothing when nothing changes', async () => {
    const { id } = await seed({ name: 'Grove' });
    expect(await rename({ id, name: 'Grove' })).toMatchObject({ version: 1 });
    expect(await published(id)).toEqual([]);
  });

  it('refuses a change meant for another version, and tells the current one', async () => {
    const { id } = await seed({});
    const error = await failure(rename({ id, name: 'Wood', expectedVersion: 9 }));
    expect(error.code).toBe(Code.ABORTED);
    expect(detailsOf(error).info).toMatchObject({
      reason: 'VERSION_CONFLICT',
      domain: 'projects',
      metadata: { expectedVersion: '9', currentVersion: '1' },
    });
  });

  it('lets one of many renames of the same version through', async () => {
    const { id } = await seed({ name: 'Grove' });
    const tries = Array.from({ length: 10 }, (_, i) => rename({ id, name: `Wood ${i}`, expectedVersion: 1 }));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await published(id)).toHaveLength(1);
  });

  it('stays archived although tasks is away, and the lost effect is logged', async () => {
    const { id } = await seed({});
    const archived = await unary(client.archiveProject.bind(client), { id, expectedVersion: 0 });
    expect(archived.project?.state).toBe(ProjectState.ARCHIVED);
    expect(lost).toMatchObject([{ edge: 'projects -> tasks.ArchiveProjectTasks' }]);
    const refusal = await failure(rename({ id, name: 'Wood' }));
    expect(refusal.code).toBe(Code.FAILED_PRECONDITION);
    expect(detailsOf(refusal).info?.reason).toBe('PROJECT_ARCHIVED');
  });

  it('is not found by an id that nobody has', async () => {
    const id = newId();
    const error = await failure(get(id));
    // What those say who answer from a replica.
    const { code, details, metadata } = missingStatus('projects', 'project', id);
    expect([error.code, error.details]).toEqual([code, details]);
    expect(detailsOf(error)).toEqual(detailsOf({ metadata }));
    expect(detailsOf(error).info?.reason).toBe('PROJECT_NOT_FOUND');
  });

  it('cannot be created while teams is away', async () => {
    const wish = { teamId: newId(), name: 'Grove' };
    const error = await failure(unary(client.createProject.bind(client), wish));
    expect(error.code).toBe(Code.UNAVAILABLE);
  });
});

describe('requests that make no sense', () => {
  it('are told every field that is wrong', async () => {
    const error = await failure(rename({ id: 'x', name: ' ', expectedVersion: -1 }));
    expect(error.code).toBe(Code.INVALID_ARGUMENT);
    const fields = detailsOf(error).badRequest?.fieldViolations.map(({ field }) => field);
    expect(fields).toEqual(['id', 'name', 'expected_version']);
  });

  it('are refused as reports without an activity', async () => {
    const error = await failure(record(newId(), TaskActivity.UNSPECIFIED));
    expect(detailsOf(error).badRequest?.fieldViolations).toMatchObject([{ field: 'activity' }]);
  });
});

describe('reports of tasks', () => {
  it('are all counted, however many come at once, and published in the order of versions', async () => {
    const { id } = await seed({});
    const opened = Array.from({ length: 20 }, () => record(id, TaskActivity.OPENED));
    const closed = Array.from({ length: 5 }, () => record(id, TaskActivity.CLOSED));
    await Promise.all([...opened, ...closed]);
    expect(await get(id)).toMatchObject({ openTasks: 15, version: 26 });
    const versions = (await published(id)).map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: 25 }, (_, i) => i + 2));
  });

  it('show it when one was lost', async () => {
    const { id } = await seed({});
    await record(id, TaskActivity.CLOSED);
    expect(await get(id)).toMatchObject({ openTasks: -1 });
  });

  it('need a project', async () => {
    expect((await failure(record(newId(), TaskActivity.OPENED))).code).toBe(Code.NOT_FOUND);
  });
});

describe('a list', () => {
  it('shows each project of a team once, oldest first, page by page', async () => {
    const teamId = newId();
    const seeded: string[] = [];
    for (let i = 0; i < 5; i++) seeded.push((await seed({ teamId, id: newId(1_700_000_000_000 + i) })).id);
    await seed({});
    const pages = await pagesOf(teamId, 2);
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1]);
    expect(pages.flat()).toEqual(seeded);
  });
});

async function seed(given: Partial<Project>): Promise<Project> {
  const project: Project = {
    id: newId(),
    version: 1,
    teamId: newId(),
    name: 'Grove',
    state: ProjectState.ACTIVE,
    openTasks: 0,
    createdAt: new Date(),
    updatedAt: new Date(),
    ...given,
  };
  await insertProject(database.pool, project);
  return project;
}

async function get(id: string): Promise<Project | undefined> {
  return (await unary(client.getProject.bind(client), { id })).project;
}

async function rename(request: {
  id: string;
  name: string;
  expectedVersion?: number;
}): Promise<Project | undefined> {
  return (await unary(client.renameProject.bind(client), { expectedVersion: 0, ...request })).project;
}

async function record(projectId: string, activity: TaskActivity): Promise<void> {
  await unary(client.recordTaskActivity.bind(client), { projectId, taskId: newId(), activity });
}

async function pagesOf(teamId: string, pageSize: number): Promise<string[][]> {
  const pages: string[][] = [];
  let pageToken = '';
  do {
    const page = await unary(client.listProjects.bind(client), { teamId, pageSize, pageToken });
    pages.push(page.projects.map(({ id }) => id));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return pages;
}

/** What the outbox holds about a project, in its order. */
async function published(id: string): Promise<{ type: string; version: number; project: unknown }[]> {
  const { rows } = await database.pool.query<{ type: string; version: string; payload: Buffer }>(
    `select event_type as type, aggregate_version as version, payload from banyan.outbox
     where aggregate_type = 'project' and aggregate_id = $1 order by seq`,
    [id],
  );
  return rows.map(({ type, version, payload }) => {
    const event = Object.values(projectsEvents).find((candidate) => candidate.type === type);
    return { type, version: Number(version), project: event?.decode(payload).project };
  });
}

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ServiceError,
  );
}
