import { credentials, Metadata } from '@grpc/grpc-js';
import { ProjectsServiceClient } from '@banyan/contracts/projects';
import { collectReports } from '@banyan/control';
import { CALLER_HEADER, LEDGER_HEADER } from '@banyan/edge';
import { run, type Discovery } from '@banyan/playbook';
import { unary } from '@banyan/service-host';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ThreeServices } from './three-services.js';
import { Clients } from './traffic/clients.js';
import { Traffic } from './traffic/traffic.js';

let system: ThreeServices;
let nats: NatsConnection;
let clients: Clients;
let projectId: string;
let stranger: ProjectsServiceClient;

beforeAll(async () => {
  system = await ThreeServices.start();
  nats = await connect({ servers: system.natsUrl });
  clients = new Clients(system.addresses, 'tests', { isPatient: true });
  const { world } = new Traffic({ clients, users: 0, pauseMs: 1, seed: 7 });
  await world.seed(1, 1);
  projectId = world.project().id;
  stranger = new ProjectsServiceClient(system.addresses.projects, credentials.createInsecure());
}, 120_000);

afterAll(async () => {
  stranger.close();
  clients.close();
  await nats.close();
  await system.stop();
});

interface Ended {
  code: number;
  out: string;
}

async function banyan(...args: string[]): Promise<Ended> {
  const out: string[] = [];
  const say = (line: string): void => void out.push(line);
  const code = await run(args, {
    terminal: { out: say, err: say, confirm: undefined },
    env: { ...process.env, NATS_URL: system.natsUrl },
    folder: '/',
  });
  return { code, out: out.join('\n') };
}

async function discovered(forMs: number): Promise<Discovery> {
  const { code, out } = await banyan('discover', '--for', `${forMs}ms`, '--json');
  expect(code, out).toBe(0);
  return JSON.parse(out) as Discovery;
}

const createTask = (): Promise<unknown> =>
  unary(clients.tasks.createTask.bind(clients.tasks), { projectId, name: 'Plant', assigneeId: '' });

/** A call of a client that was built by hand. */
function callAs(headers: Record<string, string>): Promise<unknown> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return new Promise((resolve, reject) => {
    stranger.getProject({ id: projectId }, metadata, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}

/** Works until what it accompanies has ended. */
async function during<T>(accompanied: Promise<T>, work: () => Promise<unknown>): Promise<T> {
  const ended = new AbortController();
  void accompanied.finally(() => ended.abort()).catch(() => undefined);
  while (!ended.signal.aborted) await work();
  return accompanied;
}

describe('banyan discover', () => {
  it('draws who calls whom, with the stages of edges, and finds nothing amiss under traffic', async () => {
    const found = await during(discovered(1_500), createTask);
    expect(found.findings).toEqual([]);
    const calls = new Map(
      found.calls.map((call) => [`${call.caller} -> ${call.provider}.${call.method}`, call]),
    );
    const edge = calls.get('tasks -> projects.GetProject');
    expect(edge).toMatchObject({ edge: { kind: 'query', stage: 'call' }, versions: ['0.1.0'] });
    expect(edge?.inWindow).toBeGreaterThan(0);
    expect(calls.get('tests -> tasks.CreateTask')).toMatchObject({ edge: null, sent: null });
    expect(calls.get('projects -> tasks.ArchiveProjectTasks')).toMatchObject({ path: null, inWindow: 0 });
    const keeping = found.processes.filter(({ keeps }) => keeps.client && keeps.server);
    expect(keeping.map(({ service }) => service).sort()).toEqual(['projects', 'tasks', 'teams']);
  });

  it('draws it as a tree, and for Mermaid', async () => {
    const { out } = await banyan('discover', '--for', '1ms');
    expect(out).toMatch(/^tasks\n├─ projects\.GetProject +\d+ +\d+ .* call +0\.1\.0$/m);
    const { out: diagram } = await banyan('discover', '--for', '1ms', '--mermaid');
    expect(diagram).toMatch(/^graph LR\n/);
    expect(diagram).toMatch(/ -->\|"GetProject: call"\| /);
    expect(diagram).toMatch(/ -\.->\|"CreateTask: no edge"\| /);
  });

  it('raises no false alarm when a caller dies and another one starts between two looks', async () => {
    const restart = async (): Promise<void> => {
      await system.supervisor.stop('tasks');
      await system.startService('tasks');
    };
    const [found] = await Promise.all([
      during(discovered(4_000), () => createTask().catch(() => undefined)),
      restart(),
    ]);
    expect(found.findings).toEqual([]);
  });

  it('names what goes past its ledger, and what does not say who it is', async () => {
    const reports = await collectReports(nats, { waitMs: 500, ledgers: true });
    const tasks = reports.find(({ service }) => service === 'tasks')?.ledger?.client?.mark ?? '';
    const found = discovered(1_500);
    // A client of tasks that was built by hand; one that passes on what it was called with; one that says nothing.
    const headers = [{ [CALLER_HEADER]: 'tasks' }, { [CALLER_HEADER]: 'tasks', [LEDGER_HEADER]: tasks }, {}];
    await during(found, async () => {
      for (const each of headers) await callAs(each);
    });
    const { findings } = await found;
    expect(findings.map(({ kind, caller }) => `${kind} ${caller}`).sort()).toEqual([
      'no-ledger tasks',
      'unknown unknown',
      'unowned tasks',
    ]);
    for (const { provider, method, inWindow } of findings) {
      expect([provider, method]).toEqual(['projects', 'GetProject']);
      expect(inWindow).toBeGreaterThan(0);
    }
    const { out } = await banyan('discover', '--for', '1ms');
    expect(out).toMatch(
      /tasks -> projects\.GetProject: \d+ calls are in no ledger of the caller.*clientLedger/,
    );
  });
});

describe('banyan quiet', () => {
  const ARCHIVE = 'projects -> tasks.ArchiveProjectTasks';

  it('names who called, and refuses to say what it cannot know', async () => {
    const called = await quiet('tasks -> projects.GetProject', '1h');
    expect(called).toMatchObject({
      code: 1,
      json: { ok: false, outcome: 'called', calls: expect.anything() },
    });
    expect(called.json.calls).toContainEqual(expect.objectContaining({ caller: 'tasks', book: 'provider' }));
    const young = await quiet(ARCHIVE, '1h');
    expect(young).toMatchObject({ code: 2, json: { outcome: 'not-enough' } });
    expect(young.json.gaps?.[0]).toEqual({
      why: expect.stringContaining('began within the time'),
      enoughAtMs: expect.any(Number),
    });
    const { code, out } = await banyan('quiet', 'tasks:projects.GetProjekt', '--for', '1ms');
    expect([code, out]).toEqual([1, expect.stringContaining("did you mean 'tasks -> projects.GetProject'?")]);
  });

  it('takes no process for gone that was killed, until somebody says so', async () => {
    const before = await quiet(ARCHIVE, '1ms');
    expect(before, JSON.stringify(before.json)).toMatchObject({ code: 0, json: { outcome: 'proven' } });
    process.kill(system.supervisor.pids()['tasks'] ?? 0, 'SIGKILL');
    const restarted = await vi.waitFor(
      async () => {
        const ended = await quiet(ARCHIVE, '1ms');
        expect(ended.json.gaps?.map(({ why }) => why)).toEqual([expect.stringContaining('does not answer')]);
        return ended;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(restarted.code).toBe(2);
    const [, killed = ''] = /--except (\w+)/.exec(restarted.json.gaps?.[0]?.why ?? '') ?? [];
    expect(await quiet(ARCHIVE, '1ms', '--except', killed)).toMatchObject({ code: 0 });
  });

  it('has its proof refuted by a later call, which is named and audited', async () => {
    const { projects } = clients;
    await unary(projects.archiveProject.bind(projects), { id: projectId, expectedVersion: 0 });
    await vi.waitFor(
      async () => {
        const { code, json } = await quiet(ARCHIVE, '1h');
        expect(json.earlier).toMatchObject({ revoked: { caller: 'projects', calls: 1 } });
        expect([code, json.outcome]).toEqual([1, 'called']);
      },
      { timeout: 20_000, interval: 200 },
    );
    const { out } = await banyan('history', ARCHIVE, '--kind', 'quiet');
    expect(out).toContain('nobody had called for 1 ms');
    expect(out).toMatch(/projects called at .*, after the proof of/);
    expect((await banyan('quiet', ARCHIVE)).out).toMatch(/refuted \d+s ago: projects called/);
  });
});

interface QuietJson {
  outcome: string;
  calls?: { caller: string; book: string }[];
  gaps?: { why: string; enoughAtMs: number | null }[];
  earlier: object | null;
}

async function quiet(
  edge: string,
  forText: string,
  ...more: string[]
): Promise<{ code: number; json: QuietJson }> {
  const { code, out } = await banyan('quiet', edge, '--for', forText, '--json', ...more);
  return { code, json: JSON.parse(out) as QuietJson };
}
