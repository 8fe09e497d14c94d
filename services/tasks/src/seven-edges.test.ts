import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { status as Code, type ServiceError } from '@grpc/grpc-js';
import { ProjectsServiceClient, type Project } from '@banyan/contracts/projects';
import { TasksServiceClient, TaskState, type Task } from '@banyan/contracts/tasks';
import { TeamsServiceClient, type Team } from '@banyan/contracts/teams';
import { freePort, testDatabase, testNats, type TestDatabase, type TestNats } from '@banyan/devstack';
import { clientFor, detached, detailsOf, unary as call, type UnaryMethod } from '@banyan/service-host';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

// The ball of mud as it is run: three processes, each with its own database, that call each other.

const NAMES = ['teams', 'projects', 'tasks'] as const;
type Name = (typeof NAMES)[number];

const databases: TestDatabase[] = [];
const processes = new Map<Name, ChildProcess>();
let nats: TestNats;
let stateDir: string;
let teams: TeamsServiceClient;
let projects: ProjectsServiceClient;
let tasks: TasksServiceClient;

beforeAll(async () => {
  nats = await testNats();
  stateDir = await mkdtemp(join(tmpdir(), 'banyan-edges-'));
  const addresses = await freeAddresses();
  await Promise.all(NAMES.map((name) => startProcess(name, addresses)));
  teams = clientFor(TeamsServiceClient, addresses.teams, { caller: 'tests' });
  projects = clientFor(ProjectsServiceClient, addresses.projects, { caller: 'tests' });
  tasks = clientFor(TasksServiceClient, addresses.tasks, { caller: 'tests' });
});

afterAll(async () => {
  for (const client of [teams, projects, tasks]) client.close();
  await Promise.all([...processes.values()].map((child) => stopped(child)));
  await Promise.all(databases.map((database) => database.drop()));
  await nats.close();
  await rm(stateDir, { recursive: true, force: true });
});

describe('the seven edges as calls', () => {
  it('projects -> teams.GetTeam: a project is created in a team, and its page shows the team', async () => {
    const team = await createTeam('Roots');
    const project = await createProject(team, 'Grove');
    const page = await unary(projects.getProjectPage.bind(projects), { id: project.id });
    expect(page).toEqual({ project, team: { id: team.id, name: 'Roots', archived: false } });
  });

  it('projects -> teams.GetTeam: an archived team takes no project', async () => {
    const { id } = await createTeam('Roots');
    await unary(teams.archiveTeam.bind(teams), { id, expectedVersion: 0 });
    const error = await failure(unary(projects.createProject.bind(projects), { teamId: id, name: 'Grove' }));
    expect(reasonOf(error)).toEqual([Code.FAILED_PRECONDITION, 'TEAM_ARCHIVED']);
  });

  it('teams -> projects.GetProject: the page of a team shows the names of its projects', async () => {
    const team = await createTeam('Roots');
    const grove = await createProject(team, 'Grove');
    const wood = await createProject(team, 'Wood');
    await attach(team, grove);
    await attach(team, wood);
    const page = await unary(teams.getTeamPage.bind(teams), { id: team.id });
    expect(page.projects).toEqual([
      { id: grove.id, name: 'Grove', archived: false },
      { id: wood.id, name: 'Wood', archived: false },
    ]);
  });

  it('teams -> projects.GetProject: a project of another team is not attached', async () => {
    const project = await createProject(await createTeam('Roots'), 'Grove');
    const error = await failure(attach(await createTeam('Crown'), project));
    expect(reasonOf(error)).toEqual([Code.FAILED_PRECONDITION, 'PROJECT_OF_ANOTHER_TEAM']);
  });

  it('tasks -> projects.GetProject: a task needs an active project', async () => {
    const { project } = await plantation();
    expect(await createTask(project)).toMatchObject({ projectId: project.id, teamId: project.teamId });
    await archive(project);
    const error = await failure(createTask(project));
    expect(reasonOf(error)).toEqual([Code.FAILED_PRECONDITION, 'PROJECT_ARCHIVED']);
  });

  it('tasks -> teams.GetMembership: only a member is given a task', async () => {
    const { project } = await plantation('ann');
    expect(await createTask(project, 'ann')).toMatchObject({ assigneeId: 'ann' });
    const error = await failure(createTask(project, 'eve'));
    expect(reasonOf(error)).toEqual([Code.FAILED_PRECONDITION, 'NOT_A_MEMBER']);
  });

  it('tasks -> projects.RecordTaskActivity: a project counts its open tasks', async () => {
    const { project } = await plantation();
    const { id } = await createTask(project);
    await createTask(project);
    expect(await openTasks(project)).toBe(2);
    await unary(tasks.completeTask.bind(tasks), { id, expectedVersion: 0 });
    expect(await openTasks(project)).toBe(1);
    await unary(tasks.reopenTask.bind(tasks), { id, expectedVersion: 0 });
    expect(await openTasks(project)).toBe(2);
  });

  it('projects -> tasks.ArchiveProjectTasks: archiving a project archives its tasks, and none is open', async () => {
    const { project } = await plantation();
    const { id } = await createTask(project);
    await archive(project);
    expect(await getTask(id)).toMatchObject({ state: TaskState.ARCHIVED });
    expect(await openTasks(project)).toBe(0);
  });

  it('teams -> tasks.UnassignMember: the tasks of who leaves become unassigned', async () => {
    const { project } = await plantation('ann');
    const { id } = await createTask(project, 'ann');
    const leaving = { teamId: project.teamId, memberId: 'ann', expectedVersion: 0 };
    await unary(teams.removeMember.bind(teams), leaving);
    expect(await getTask(id)).toMatchObject({ assigneeId: '' });
  });

  it('stop cleanly when they are told to', async () => {
    for (const child of processes.values()) expect(await stopped(child)).toBe(0);
  });
});

describe('a service that lacks a setting', () => {
  it('ends at once and says which', async () => {
    const env = { ...process.env, DATABASE_URL: '' };
    const child = spawn(process.execPath, [mainOf('teams')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const printed: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) printed.push(line);
    await vi.waitFor(() => expect(child.exitCode).toBe(1), { timeout: 30_000 });
    expect(printed.join()).toContain('environment variable DATABASE_URL must be set');
  });
});

/** The first calls find three processes that have just begun, on a machine that may be busy. */
const unary = <Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Response> => call(method, request, detached(30_000));

/** A team with members, and a project of it. */
async function plantation(...members: string[]): Promise<{ team: Team; project: Project }> {
  const team = await createTeam('Roots');
  for (const memberId of members) await unary(teams.addMember.bind(teams), { teamId: team.id, memberId });
  return { team, project: await createProject(team, 'Grove') };
}

async function createTeam(name: string): Promise<Team> {
  return present((await unary(teams.createTeam.bind(teams), { name })).team);
}

async function createProject({ id: teamId }: Team, name: string): Promise<Project> {
  return present((await unary(projects.createProject.bind(projects), { teamId, name })).project);
}

async function attach(team: Team, project: Project): Promise<void> {
  const request = { id: team.id, projectId: project.id, expectedVersion: 0 };
  await unary(teams.attachProject.bind(teams), request);
}

async function archive({ id }: Project): Promise<void> {
  await unary(projects.archiveProject.bind(projects), { id, expectedVersion: 0 });
}

async function openTasks({ id }: Project): Promise<number> {
  return present((await unary(projects.getProject.bind(projects), { id })).project).openTasks;
}

async function createTask({ id: projectId }: Project, assigneeId = ''): Promise<Task> {
  const request = { projectId, name: 'Plant', assigneeId };
  return present((await unary(tasks.createTask.bind(tasks), request)).task);
}

async function getTask(id: string): Promise<Task> {
  return present((await unary(tasks.getTask.bind(tasks), { id })).task);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the answer is empty');
  return value;
}

async function failure(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => Promise.reject(new Error('the call succeeded')),
    (error: unknown) => error as ServiceError,
  );
}

function reasonOf(error: ServiceError): [number, string | undefined] {
  return [error.code, detailsOf(error).info?.reason];
}

async function freeAddresses(): Promise<Record<Name, string>> {
  const [a, b, c] = [await freePort(), await freePort(), await freePort()];
  return { teams: `127.0.0.1:${a}`, projects: `127.0.0.1:${b}`, tasks: `127.0.0.1:${c}` };
}

/** Starts the compiled service and waits for its ready line. */
async function startProcess(name: Name, addresses: Record<Name, string>): Promise<void> {
  const database = await testDatabase();
  databases.push(database);
  const env = {
    ...process.env,
    DATABASE_URL: database.url,
    GRPC_ADDRESS: addresses[name],
    TEAMS_ADDRESS: addresses.teams,
    PROJECTS_ADDRESS: addresses.projects,
    TASKS_ADDRESS: addresses.tasks,
    NATS_URL: nats.url,
    BANYAN_STATE_DIR: join(stateDir, name),
    LOG_LEVEL: 'warn',
  };
  const child = spawn(process.execPath, [mainOf(name)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  processes.set(name, child);
  expect(await readyLine(child)).toEqual({ ready: true, service: name, grpc: addresses[name] });
}

function mainOf(name: Name): string {
  return fileURLToPath(new URL(`../../${name}/dist/main.js`, import.meta.url));
}

async function readyLine(child: ChildProcess): Promise<unknown> {
  if (child.stdout === null) throw new Error('the process has no stdout');
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error('the process ended before it was ready');
}

/** Tells a process to stop; resolves with its exit code. */
async function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  child.kill('SIGTERM');
  await once(child, 'exit');
  return child.exitCode;
}
