import { existsSync } from 'node:fs';
import { temporaryFolder, type TemporaryFolder } from '@banyan/devstack';
import { auditStream, isBalanced } from '@banyan/relay';
import { unary } from '@banyan/service-host';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DevProcess } from './dev-process.js';
import { beginOf } from './dev/process-begin.js';
import { SERVICES, type SystemDescription } from './system.js';
import { Clients } from './traffic/clients.js';
import { Writers } from './writers.js';

const PATIENT = { timeout: 60_000, interval: 100 };
const PROCESSES = ['relay', 'nats', 'teams', 'projects', 'tasks', 'gateway', 'postgres'];

/** Creates a team, a project and a task: each service has to answer, and to call another one. */
async function work({ grpc }: SystemDescription): Promise<void> {
  const clients = new Clients(grpc, 'test');
  const { teams, projects, tasks } = clients;
  try {
    const { team } = await unary(teams.createTeam.bind(teams), { name: 'Team' });
    const create = projects.createProject.bind(projects);
    const { project } = await unary(create, { teamId: team?.id ?? '', name: 'Project' });
    const task = { projectId: project?.id ?? '', name: 'Task', assigneeId: '' };
    await unary(tasks.createTask.bind(tasks), task);
  } finally {
    clients.close();
  }
}

/** Waits until each source's stream holds exactly what its outbox does, and says how it compares. */
async function expectBalance({ nats, postgres }: SystemDescription): Promise<void> {
  const connection = await connect({ servers: nats });
  for (const service of SERVICES) {
    const pool = new pg.Pool({ connectionString: postgres[service] });
    // Services may still be at what their callers do not wait for.
    await vi.waitFor(async () => {
      const report = await auditStream(pool, connection, service);
      expect(isBalanced(report), `${service}: ${JSON.stringify(report)}`).toBe(true);
      expect(report.committed).toBeGreaterThan(0);
    }, PATIENT);
    await pool.end();
  }
  await connection.close();
}

async function noneRuns(pids: readonly number[]): Promise<void> {
  const running = async () => (await Promise.all(pids.map(beginOf))).filter((begin) => begin !== undefined);
  await expect.poll(running, PATIENT).toEqual([]);
}

describe('npm run dev', () => {
  let folder: TemporaryFolder;
  let dev: DevProcess;

  beforeEach(async () => {
    folder = await temporaryFolder();
    dev = await DevProcess.start(folder.path);
  });

  afterEach(async () => {
    await dev.end('SIGTERM');
    await folder.remove();
  });

  async function killAndAwait(name: string): Promise<void> {
    const before = await dev.description();
    process.kill(before.processes[name] ?? 0, 'SIGKILL');
    const now = async () => (await dev.description()).processes[name];
    await expect.poll(now, PATIENT).not.toBe(before.processes[name]);
    expect({ ...(await dev.description()), processes: {} }).toEqual({ ...before, processes: {} });
  }

  it('describes itself as tools expect it, refuses a second one, and stops everything on Ctrl-C', async () => {
    const url = expect.stringMatching(/^postgres:\/\/postgres:\S+@127\.0\.0\.1:\d+\/(teams|projects|tasks)$/);
    const address = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
    const pid = expect.any(Number);
    expect(await dev.description()).toEqual({
      postgres: { teams: url, projects: url, tasks: url },
      nats: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
      grpc: { teams: address, projects: address, tasks: address },
      gateway: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      dashboard: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{20,}$/),
      natsStore: expect.stringMatching(/^\/.*\/jetstream$/),
      processes: Object.fromEntries(PROCESSES.map((name) => [name, pid])),
    });
    await expect(DevProcess.start(folder.path)).rejects.toThrow(
      new RegExp(`runs here already: .*dev\\.lock is held by process ${dev.pid}`),
    );
    const { processes } = await dev.description();
    expect(await dev.end('SIGINT')).toMatchObject({ code: 0, signal: null });
    expect(existsSync(dev.file)).toBe(false);
    await noneRuns([...Object.values(processes), dev.pid]);
  }, 240_000);

  it('brings back each process that is killed, where it was, and neither loses nor doubles an event', async () => {
    const description = await dev.description();
    const pool = new pg.Pool({ connectionString: description.postgres.projects });
    pool.on('error', () => undefined);
    const writers = new Writers(pool, 11);
    writers.start(4);
    for (const name of PROCESSES) {
      await killAndAwait(name);
      await vi.waitFor(() => work(description), PATIENT);
    }
    await writers.stop();
    await pool.end();
    await expectBalance(await dev.description());
  }, 600_000);

  it('leaves no process behind when it is killed itself, and goes on with its data at the next start', async () => {
    await work(await dev.description());
    const { processes } = await dev.description();
    await dev.end('SIGKILL');
    await noneRuns(Object.values(processes));
    dev = await DevProcess.start(folder.path);
    await work(await dev.description());
    await expectBalance(await dev.description());
  }, 240_000);
});
