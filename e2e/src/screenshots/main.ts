import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@banyan/playbook';
import { messageOf, wait } from '@banyan/runtime';
import { unary } from '@banyan/service-host';
import pg from 'pg';
import { openBrowser } from '../gateway/browser.js';
import { outliveReaders } from '../outlive-readers.js';
import { ROOT } from '../root.js';
import { MigratedSystem } from '../system.js';
import { Clients } from '../traffic/clients.js';
import { Traffic } from '../traffic/traffic.js';
import { takeShots } from './shots.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Where each edge stands in the pictures: some at each stage. */
const MOVES: readonly (readonly [edge: string, ...stages: string[][]])[] = [
  ['projects -> teams.GetTeam', [], [], [], []],
  ['tasks -> projects.GetProject', [], [], ['--share', '20']],
  ['tasks -> teams.GetMembership', [], []],
  ['teams -> projects.GetProject', []],
  ['tasks -> projects.RecordTaskActivity', []],
  ['teams -> tasks.UnassignMember', [], []],
];

/** How long edges are watched at a stage, and the charts fill. */
const LOOK_MS = 4_000;
const CHARTS_MS = 60_000;

async function main(): Promise<void> {
  const browser = await openBrowser();
  await mkdir(join(ROOT, 'docs/img'), { recursive: true });
  const system = await MigratedSystem.start({ log: say });
  const clients = new Clients(system.addresses, 'people');
  const traffic = new Traffic({ clients, users: 6, pauseMs: 60, seed: 7 });
  try {
    await traffic.world.seed(4, 24);
    traffic.start();
    await moveAll(system);
    await park(system, clients);
    await wait(CHARTS_MS);
    await takeShots(browser, system, say);
  } finally {
    await browser.close();
    await traffic.stop();
    clients.close();
    await system.stop();
  }
}

/** A stage at a time, all edges abreast, so that each has evidence of the one before. */
async function moveAll(system: MigratedSystem): Promise<void> {
  const most = Math.max(...MOVES.map(([, ...stages]) => stages.length));
  for (let stage = 0; stage < most; stage++) {
    for (const [edge, ...stages] of MOVES) {
      const options = stages[stage];
      if (options !== undefined) await advance(system, edge, options);
    }
    await wait(LOOK_MS);
  }
}

async function advance({ natsUrl }: MigratedSystem, edge: string, options: string[]): Promise<void> {
  const out: string[] = [];
  const tell = (line: string): void => void out.push(line);
  const why = ['--force', '--reason', 'the evidence is in: on to the next stage', '--by', 'ada'];
  const code = await run(['advance', edge, ...options, ...why, '--yes'], {
    terminal: { out: tell, err: tell, confirm: undefined },
    env: { ...process.env, NATS_URL: natsUrl },
    folder: '/',
  });
  if (code !== 0) throw new Error(`${edge}: ${out.join('\n')}`);
}

/** One key that fails, as any may: a project that nobody else works on. */
async function park(system: MigratedSystem, { teams, projects }: Clients): Promise<void> {
  const pool = new pg.Pool({ connectionString: system.databaseUrl('tasks'), max: 1 });
  await pool.query(`alter table project_replica add constraint no_roof check (name <> 'Roof')`);
  const { team } = await unary(teams.createTeam.bind(teams), { name: 'Builders' });
  await unary(projects.createProject.bind(projects), { teamId: team?.id ?? '', name: 'Roof' });
  await pool.end();
}

outliveReaders();
try {
  await main();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
