import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  noComparisons,
  parseEdge,
  readRuns,
  readTrail,
  Reporter,
  StageStore,
  type MethodCaller,
  type QueryStage,
  type RunView,
} from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { ReportedEdge } from '../testing/reported-edge.js';
import { runBanyan, type Ended } from '../testing/run-banyan.js';

const PROGRAM = fileURLToPath(new URL('../../bin/banyan.js', import.meta.url));
const ENOUGH = { comparisons: { ...noComparisons(), equal: 400 } };
const UP_MS = 60_000;

let nats: Awaited<ReturnType<typeof testNats>>;
let folder: string;
let file: string;
let playbook: string;
let provider: string;
let name: string;
let edge: ReportedEdge;

beforeEach(async () => {
  nats = await testNats();
  folder = mkdtempSync(join(tmpdir(), 'banyan-walk-'));
  file = join(folder, 'plan.yaml');
  playbook = uniqueName('plan').replaceAll('_', '-');
  provider = uniqueName('projects');
  name = `${uniqueName('tasks')} -> ${provider}.GetProject`;
  await deploy('shadow', 'prefer-replica', 'replica');
});
afterEach(async () => {
  await edge.stop();
  await nats.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the caller's process with these stages: the first is its floor. */
async function deploy(...stages: QueryStage[]): Promise<void> {
  edge = new ReportedEdge(nats.connection, name, stages);
  edge.measured = ENOUGH;
  await edge.start();
}

function write(steps: string, otherEdge = ''): void {
  writeFileSync(
    file,
    `
version: 1
name: ${playbook}
replicas: { tasks/p: {} }
edges:
  ${name}: { kind: query, replica: tasks/p, floor: shadow }
  ${otherEdge}
steps:
${steps}`,
  );
}

const apply = (...args: string[]): Promise<Ended> =>
  runBanyan(['apply', file, '--yes', '--by', 'ann', '--wait', '0s', ...args], {
    env: { NATS_URL: nats.url },
    folder,
  });

/** What it waits for, now that nothing more can be done. */
async function waitsFor(): Promise<string> {
  const { code, err } = await apply();
  expect(code, err).toBe(2);
  return err;
}

async function run(): Promise<RunView | undefined> {
  return (await readRuns(nats.connection)).find((each) => each.playbook === playbook);
}

async function changes(): Promise<string[]> {
  const history = await (await StageStore.open(nats.connection)).history(parseEdge(name));
  return history.map(({ from, stage }) => `${from} -> ${stage}`);
}

describe('banyan apply', () => {
  /** Who has called the provider, by its own books. */
  let callers: MethodCaller[];
  let server: Reporter;

  beforeEach(async () => {
    callers = [];
    const ledgers = { report: () => ({ server: { id: uniqueName('ledger'), upMs: UP_MS, callers } }) };
    server = new Reporter({ connection: nats.connection, service: provider, edges: [], ledgers });
    await server.start();
  });
  afterEach(() => server.stop());

  const calledBy = (caller: string): MethodCaller => {
    const seen = { calls: 1, lastAgoMs: 5 };
    const path = '/projects.v1.ProjectsService/GetProject';
    return { path, caller, ...seen, processes: [{ mark: '', repeated: 0, ...seen }] };
  };

  it('takes an edge down as a drill and up again, waits for its floor, then for quiet, and retires it', async () => {
    write(`
  - { advance: ${name}, to: prefer-replica }
  - { advance: ${name}, to: replica }
  - { back: ${name}, to: prefer-replica }
  - { advance: ${name}, to: replica }
  - { rehearse: ${name}, for: 50ms }
  - { floor: ${name}, to: replica, id: floored }
  - { retire: ${provider}.GetProject, quiet: 30s, after: [floored] }`);
    expect(await waitsFor()).toContain('the floor shadow');
    const walked = ['shadow -> prefer-replica', 'prefer-replica -> replica'];
    walked.push('replica -> prefer-replica', 'prefer-replica -> replica');
    expect(await changes()).toEqual(walked);
    expect(edge.tasks[0]).toMatchObject({ do: 'cut-off', forMs: 50 });

    await edge.stop();
    await deploy('replica', 'retired');
    callers = [calledBy(parseEdge(name).caller)];
    const called = `${parseEdge(name).caller} called 0 s ago`;
    expect(await waitsFor()).toContain(called);
    expect(await changes()).toEqual(walked);

    callers = [calledBy('somebody-else')];
    expect((await apply()).code).toBe(0);
    expect(await changes()).toEqual([...walked, 'replica -> retired']);
    const trail = await readTrail(nats.connection, { about: name });
    expect(trail.slice(-2)).toMatchObject([
      { kind: 'quiet', by: 'ann', details: { forMs: 30_000 } },
      { kind: 'edge', by: 'ann', to: 'retired', outcome: 'made' },
    ]);
    expect((await run())?.steps.map(({ state }) => state)).toEqual(Array.from({ length: 7 }, () => 'done'));
  }, 180_000);

  it('does a step only once those that it is to come after are done, however ready it is', async () => {
    const other = `${uniqueName('teams')} -> ${provider}.GetProject`;
    write(
      `
  - { floor: ${other}, to: prefer-replica, id: deployed }
  - { advance: ${name}, to: prefer-replica, after: [deployed] }`,
      `${other}: { kind: query, replica: tasks/p, floor: shadow }`,
    );
    let second = new ReportedEdge(nats.connection, other, ['shadow', 'prefer-replica']);
    await second.start();
    expect(await waitsFor()).toContain('the floor shadow');
    expect(await changes()).toEqual([]);
    await second.stop();
    second = new ReportedEdge(nats.connection, other, ['prefer-replica']);
    await second.start();
    expect((await apply()).code).toBe(0);
    expect(await changes()).toEqual(['shadow -> prefer-replica']);
    await second.stop();
  }, 120_000);
});

describe('Ctrl-C during banyan apply', () => {
  interface Walking {
    child: ChildProcess;
    /** What it says on standard output, up to now. */
    said: () => string;
    ended: Promise<{ code: number | null; err: string }>;
  }

  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** The command as a process of its own, which waits as long as it takes. */
  function walk(): Walking {
    const args = [PROGRAM, 'apply', file, '--yes', '--by', 'bob'];
    const env = { ...process.env, NATS_URL: nats.url };
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    const ended = Promise.all([once(child, 'close'), text(child.stderr)]).then(([[code], err]) => {
      return { code: code as number | null, err };
    });
    return { child, said: () => out, ended };
  }

  const goesOn = '`banyan apply --yes` goes on from here.';

  it('ends a wait for a gate at once, says so, lets go of the run, and the next one goes on', async () => {
    write(`  - { advance: ${name}, to: prefer-replica }`);
    edge.measured = {};
    const { child, said, ended } = walk();
    await expect.poll(said, { timeout: 60_000 }).toContain('more have to agree');
    const holder = async (): Promise<unknown> => (await run())?.holder;
    await expect.poll(holder, { timeout: 30_000 }).toMatchObject({ by: 'bob', pid: child.pid, alive: true });
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect([code, err.trim().split('\n')]).toEqual([2, ['waiting: it was interrupted', goesOn]]);
    expect(await run()).toMatchObject({
      ...{ state: 'waiting', why: 'it was interrupted', holder: null },
      steps: [{ state: 'waiting', missing: [expect.stringContaining('more have to agree')] }],
    });
    edge.measured = ENOUGH;
    expect((await apply()).code).toBe(0);
    expect(await run()).toMatchObject({ state: 'done', startedBy: 'bob', by: 'ann' });
    expect(await changes()).toEqual(['shadow -> prefer-replica']);
  }, 120_000);

  it('gives the provider of a rehearsal back, and counts as no failure', async () => {
    const steps = (time: string): string => `
  - { advance: ${name}, to: prefer-replica }
  - { advance: ${name}, to: replica }
  - { rehearse: ${name}, for: ${time} }`;
    write(steps('10m'));
    const { child, ended } = walk();
    await expect.poll(() => edge.tasks[0]?.do, { timeout: 60_000 }).toBe('cut-off');
    child.kill('SIGINT');
    const { code, err } = await ended;
    expect([code, err.trim().split('\n')]).toEqual([2, ['waiting: it was interrupted', goesOn]]);
    expect(edge.tasks.at(-1)).toMatchObject({ do: 'restore' });
    const last = (await run())?.steps.at(-1);
    expect(last).toMatchObject({
      state: 'waiting',
      missing: [expect.stringContaining('the provider is back')],
    });
    write(steps('50ms'));
    expect((await apply()).code).toBe(0);
    expect(await run()).toMatchObject({ state: 'done', startedBy: 'bob' });
  }, 120_000);
});
