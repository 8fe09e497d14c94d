import { changeStage, type ReactionStage } from '@banyan/control';
import { wait } from '@banyan/runtime';
import { unary } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MigratedSystem } from './system.js';
import { Clients } from './traffic/clients.js';
import { Random } from './traffic/random.js';

const EDGES = [
  'tasks -> projects.RecordTaskActivity',
  'projects -> tasks.ArchiveProjectTasks',
  'teams -> tasks.UnassignMember',
];

/** Up and down the ladder, step by step. */
const FLIPS: readonly ReactionStage[] = ['dual', 'event', 'dual', 'call', 'dual', 'event'];

/** To event and back to call. */
const ALL_RUNGS = 4;

let system: MigratedSystem;
let nats: NatsConnection;
let clients: Clients;
const pools: pg.Pool[] = [];

beforeAll(async () => {
  system = await MigratedSystem.start({ log: () => undefined });
  nats = await connect({ servers: system.natsUrl });
  clients = new Clients(system.addresses, 'test', { isPatient: true });
}, 120_000);

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  clients.close();
  await nats.close();
  await system.stop();
});

function poolOf(service: 'tasks' | 'projects'): pg.Pool {
  const pool = new pg.Pool({ connectionString: system.databaseUrl(service), max: 2 });
  pools.push(pool);
  return pool;
}

/** Flips an edge, at moments of its own, until it is told to stop, up to event and down again at least; ends at `event`. */
async function flip(edge: string, stopped: AbortSignal): Promise<void> {
  const random = new Random(edge.length);
  let [flips, expected]: [number, string | undefined] = [0, undefined];
  for (
    let from: ReactionStage = 'call';
    !stopped.aborted || from !== 'event' || flips <= ALL_RUNGS;
    flips++
  ) {
    const stage: ReactionStage = FLIPS[flips % FLIPS.length] ?? 'event';
    const change = { edge, kind: 'reaction', from, stage, expected, by: 'a test', why: 'flip' } as const;
    const { record } = await changeStage(nats, { ...change, waitMs: 200 });
    expected = record.changeId;
    from = stage;
    await wait(100 + random.below(300), stopped);
  }
}

/** A team at work: tasks are created for its members, some are completed, one member leaves, the project is archived. */
async function work(round: number): Promise<void> {
  const { teams, projects, tasks } = clients;
  const { team } = await unary(teams.createTeam.bind(teams), { name: `Team ${round}` });
  const teamId = team?.id ?? '';
  for (const memberId of ['ann', 'bob'])
    await unary(teams.addMember.bind(teams), { teamId, memberId, expectedVersion: 0 });
  const { project } = await unary(projects.createProject.bind(projects), {
    teamId,
    name: `Project ${round}`,
  });
  const projectId = project?.id ?? '';
  for (let i = 0; i < 6; i++) {
    const request = { projectId, name: `Task ${i}`, assigneeId: i % 2 === 0 ? 'ann' : 'bob' };
    const { task } = await unary(tasks.createTask.bind(tasks), request);
    if (i < 2) await unary(tasks.completeTask.bind(tasks), { id: task?.id ?? '', expectedVersion: 0 });
  }
  await unary(teams.removeMember.bind(teams), { teamId, memberId: 'ann', expectedVersion: 0 });
  if (round % 2 === 0)
    await unary(projects.archiveProject.bind(projects), { id: projectId, expectedVersion: 0 });
}

it('does each reaction once, the chain of archiving included, while all three edges are flipped', async () => {
  const [tasks, projects] = [poolOf('tasks'), poolOf('projects')];
  const stop = new AbortController();
  const flips = EDGES.map((edge) => flip(edge, stop.signal));
  const rounds = Array.from({ length: 40 }, (_, round) => round);
  const users = Array.from({ length: 4 }, async () => {
    for (let round = rounds.shift(); round !== undefined; round = rounds.shift()) await work(round);
  });
  await Promise.all(users);
  stop.abort();
  await Promise.all(flips);

  const open = `select project_id as id, count(*) filter (where state = 'open')::int as open from task group by 1`;
  const counted = async () => {
    const { rows: truth } = await tasks.query<{ id: string; open: number }>(`${open} order by 1`);
    const { rows: told } = await projects.query<object>(
      `select id, open_tasks as open from project order by 1`,
    );
    return { truth, told };
  };
  const off = async () => {
    const { truth, told } = await counted();
    return JSON.stringify(truth) === JSON.stringify(told) ? '' : JSON.stringify({ truth, told });
  };
  const left = async () => {
    const { rows: archived } = await projects.query<{ id: string }>(
      `select id from project where state = 'archived'`,
    );
    const { rows } = await tasks.query<{ id: string }>(
      `select id from task where state <> 'archived' and (project_id = any ($1) or assignee_id = 'ann')`,
      [archived.map(({ id }) => id)],
    );
    return rows;
  };
  await expect.poll(left, { timeout: 60_000 }).toEqual([]);
  await expect.poll(off, { timeout: 60_000 }).toBe('');
  const { truth } = await counted();
  expect(truth).toHaveLength(40);
  // Every second project has the four tasks that nobody completed, the others none.
  expect(truth.reduce((sum, row) => sum + row.open, 0)).toBe(80);
}, 600_000);
