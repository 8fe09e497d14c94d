import { collectReports, overviewsOf, type ChangeEvidence } from '@banyan/control';
import { run } from '@banyan/playbook';
import { unary } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { moveEdge } from './operator/edge-moves.js';
import { MigratedSystem } from './system.js';
import { Clients } from './traffic/clients.js';
import { Traffic } from './traffic/traffic.js';

const EDGES = [
  'teams -> projects.GetProject',
  'projects -> teams.GetTeam',
  'tasks -> projects.GetProject',
  'tasks -> teams.GetMembership',
];

let system: MigratedSystem;
let nats: NatsConnection;
let clients: Clients;
let traffic: Traffic;
let again: Traffic;

beforeAll(async () => {
  system = await MigratedSystem.start({ log: () => undefined });
  nats = await connect({ servers: system.natsUrl });
  clients = new Clients(system.addresses, 'test', { isPatient: true });
  traffic = new Traffic({ clients, users: 4, pauseMs: 40, seed: 7 });
  again = new Traffic({ clients, users: 4, pauseMs: 40, seed: 8 });
  // Both while every edge is a call: who seeds goes on with what was made a moment ago.
  await traffic.world.seed(4, 40);
  await again.world.seed(2, 20);
}, 240_000);

afterAll(async () => {
  await Promise.all([traffic.stop(), again.stop()]);
  clients.close();
  await nats.close();
  await system.stop();
});

/** What `banyan status` prints. */
async function status(): Promise<string> {
  const out: string[] = [];
  const say = (line: string): void => void out.push(line);
  await run(['status', '--json'], {
    terminal: { out: say, err: say, confirm: undefined },
    env: { ...process.env, NATS_URL: system.natsUrl },
    folder: '/',
  });
  return out.join('\n');
}

/** Moves an edge without waiting for its gate: gates under traffic are what the demo shows. */
const advance = (edge: string, to: string): Promise<void> =>
  moveEdge({ nats, natsUrl: system.natsUrl, edge, to }, 'advance', '--force', '--reason', 'a test');

async function allAdvance(stage: string): Promise<void> {
  for (const edge of EDGES) await advance(edge, stage);
  await expectAllAt(stage);
}

const back = (edge: string): Promise<void> =>
  moveEdge({ nats, natsUrl: system.natsUrl, edge, to: 'call' }, 'back');

/** What was measured on each edge under its last change. */
async function latest(): Promise<(ChangeEvidence | undefined)[]> {
  const overviews = overviewsOf({ records: [], reports: await collectReports(nats, { waitMs: 300 }) });
  return EDGES.map((edge) => {
    const found = overviews.find((each) => each.edge === edge);
    return found?.kind === 'query' ? found.evidence.at(-1) : undefined;
  });
}

/** Waits until all edges have been called at a stage. */
async function expectAllAt(stage: string): Promise<void> {
  const stages = async () => (await latest()).map((evidence) => evidence?.stage);
  await expect.poll(stages, { timeout: 60_000, interval: 100 }).toEqual(EDGES.map(() => stage));
}

/** Waits until the replica of each edge has answered some calls. */
async function expectReplicasUsed(): Promise<void> {
  const byReplica = async () => (await latest()).map((evidence) => evidence?.calls.byReplica ?? 0);
  const few = async () => Math.min(...(await byReplica()));
  await expect.poll(few, { timeout: 60_000, interval: 100 }).toBeGreaterThan(3);
}

it('shows all query edges at stage call at first', async () => {
  const missing = async (): Promise<string[]> => {
    const out = await status();
    return EDGES.filter((edge) => !out.includes(edge));
  };
  await expect.poll(missing).toEqual([]);
});

it('moves every query edge to its replica under traffic, and no call fails', async () => {
  traffic.start();
  for (const stage of ['cache', 'shadow', 'prefer-replica']) await allAdvance(stage);
  await expectReplicasUsed();
  await allAdvance('replica');
  await expectReplicasUsed();
  await traffic.stop();
  expect(traffic.counts.failed, traffic.failures.join('\n')).toBe(0);
}, 600_000);

it('answers at replica while the providers are away', async () => {
  const { teams, projects, tasks } = clients;
  const page = unary(projects.getProjectPage.bind(projects), { id: traffic.world.project().id });
  const { project, team } = await page;
  if (project === undefined || team === undefined) throw new Error('there is no page');
  await system.stopService('teams');
  const create = unary(projects.createProject.bind(projects), { teamId: team.id, name: 'Without teams' });
  expect((await create).project).toMatchObject({ teamId: team.id });
  const assigneeId = traffic.world.member(team.id);
  const asked = { projectId: project.id, name: 'Without teams', assigneeId };
  expect((await unary(tasks.createTask.bind(tasks), asked)).task).toMatchObject({ assigneeId });
  await system.startService('teams');
  await system.stopService('projects');
  // Its report to projects is lost: that edge is a reaction.
  await unary(tasks.createTask.bind(tasks), asked);
  const shown = await unary(teams.getTeamPage.bind(teams), { id: team.id });
  expect(shown.projects).toHaveLength(shown.team?.projectIds.length ?? 0);
  await system.startService('projects');
}, 240_000);

it('takes every edge back to its call under traffic', async () => {
  again.start();
  for (const edge of EDGES) await back(edge);
  await expectAllAt('call');
  await again.stop();
  expect(again.counts.failed, again.failures.join('\n')).toBe(0);
}, 400_000);
