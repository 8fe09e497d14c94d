import { collectReports, overviewsOf, type ChangeEvidence } from '@banyan/control';
import { run } from '@banyan/playbook';
import { unary } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
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

beforeAll(async () => {
  system = await MigratedSystem.start({ log: () => undefined });
  nats = await connect({ servers: system.natsUrl });
  clients = new Clients(system.addresses, 'test');
  traffic = new Traffic({ clients, users: 4, pauseMs: 40, seed: 7 });
  await traffic.world.seed(4, 40);
}, 120_000);

afterAll(async () => {
  await traffic.stop();
  clients.close();
  await nats.close();
  await system.stop();
});

/** Runs a command as a script would, and gives its exit code and what it printed. */
async function banyan(...args: string[]): Promise<{ code: number; out: string }> {
  const out: string[] = [];
  const say = (line: string): void => void out.push(line);
  const code = await run([...args, '--json'], {
    terminal: { out: say, err: say, confirm: undefined },
    env: { ...process.env, NATS_URL: system.natsUrl },
    folder: '/',
  });
  return { code, out: out.join('\n') };
}

/** Moves an edge without waiting for its gate: gates under traffic are what the demo shows. */
async function advance(edge: string, to: string): Promise<void> {
  const { code, out } = await banyan('advance', edge, '--to', to, '--yes', '--force', '--reason', 'a test');
  expect(code, out).toBe(0);
}

async function allAdvance(stage: string): Promise<void> {
  for (const edge of EDGES) await advance(edge, stage);
  await expectAllAt(stage);
}

async function back(edge: string): Promise<void> {
  const { code, out } = await banyan('back', edge, '--to', 'call', '--yes');
  expect(code, out).toBe(0);
}

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
  await expect.poll(stages, { timeout: 30_000, interval: 100 }).toEqual(EDGES.map(() => stage));
}

/** Waits until the replica of each edge has answered some calls. */
async function expectReplicasUsed(): Promise<void> {
  const byReplica = async () => (await latest()).map((evidence) => evidence?.calls.byReplica ?? 0);
  const few = async () => Math.min(...(await byReplica()));
  await expect.poll(few, { timeout: 30_000, interval: 100 }).toBeGreaterThan(3);
}

it('shows all query edges at stage call at first', async () => {
  const { out } = await banyan('status');
  for (const edge of EDGES) expect(out).toContain(edge);
});

it('moves every query edge to its replica under traffic, and no call fails', async () => {
  traffic.start();
  for (const stage of ['cache', 'shadow', 'prefer-replica']) await allAdvance(stage);
  await expectReplicasUsed();
  await allAdvance('replica');
  await expectReplicasUsed();
  await traffic.stop();
  expect(traffic.counts.failed, traffic.failures.join('\n')).toBe(0);
}, 300_000);

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
}, 60_000);

it('takes every edge back to its call under traffic', async () => {
  const again = new Traffic({ clients, users: 4, pauseMs: 40, seed: 8 });
  await again.world.seed(2, 20);
  again.start();
  for (const edge of EDGES) await back(edge);
  await expectAllAt('call');
  await again.stop();
  expect(again.counts.failed, again.failures.join('\n')).toBe(0);
}, 120_000);
