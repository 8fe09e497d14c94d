import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AuditLog, parseEdge, readRuns, StageStore } from '@banyan/control';
import { run as banyanRun } from '@banyan/playbook';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ApplyChildConfig } from './apply-child.js';
import { MigratedSystem } from './system.js';
import { Clients } from './traffic/clients.js';
import { Traffic } from './traffic/traffic.js';

const PROGRAM = fileURLToPath(new URL('../dist/apply-child.js', import.meta.url));
const QUERY = 'tasks -> projects.GetProject';
const REACTION = 'tasks -> projects.RecordTaskActivity';
const REPLICA = 'tasks-project-replica/project_replica';

const PLAYBOOK = `
version: 1
name: small
defaults:
  gate: { maxDisagreement: 0.2, confidence: 0.8, minReactions: 5 }
replicas:
  ${REPLICA}: {}
edges:
  ${QUERY}: { kind: query, replica: ${REPLICA}, target: replica }
  ${REACTION}: { kind: reaction, target: event }
steps:
  - backfill: ${REPLICA}
  - advance: ${QUERY}
    to: cache
  - advance: ${QUERY}
    to: shadow
    after: [backfill ${REPLICA}]
  - advance: ${QUERY}
    to: prefer-replica
  - rehearse: ${QUERY}
    for: 500ms
  - advance: ${QUERY}
    to: replica
  - receive: ${REACTION}
  - advance: ${REACTION}
    to: dual
  - advance: ${REACTION}
    to: event
`;

/** The steps that have an effect. */
const EFFECTS = [
  `backfill ${REPLICA}`,
  `advance ${QUERY} to cache`,
  `advance ${QUERY} to shadow`,
  `advance ${QUERY} to prefer-replica`,
  `rehearse ${QUERY}`,
  `advance ${QUERY} to replica`,
  `advance ${REACTION} to dual`,
  `advance ${REACTION} to event`,
];

let system: MigratedSystem;
let nats: NatsConnection;
let clients: Clients;
let traffic: Traffic;
let folder: string;
/** One that is started already, and waits to be told what to do: starting takes longer than most steps. */
let next: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-apply-'));
  writeFileSync(join(folder, 'small.yaml'), PLAYBOOK);
  next = start();
  system = await MigratedSystem.start({ log: () => undefined });
  nats = await connect({ servers: system.natsUrl });
  clients = new Clients(system.addresses, 'test', { isPatient: true });
  traffic = new Traffic({ clients, users: 4, pauseMs: 20, seed: 11 });
  await traffic.world.seed(4, 40);
  traffic.start();
}, 120_000);

afterAll(async () => {
  next.kill('SIGKILL');
  await traffic.stop();
  clients.close();
  await nats.close();
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  signal: string | null;
  /** What it printed, an object a line. */
  told: { kind?: string; step?: string; how?: string; state?: string }[];
  err: string;
}

const start = (): ChildProcess => fork(PROGRAM, { silent: true, execArgv: [] });

async function apply(killedAt: string[]): Promise<Ended> {
  const limits = ['--min-calls', '1', '--wait', '60s'];
  const args = ['apply', join(folder, 'small.yaml'), '--yes', '--json', '--by', 'ann', ...limits];
  const config: ApplyChildConfig = { args, natsUrl: system.natsUrl, killedAt };
  const child = next;
  next = start();
  child.send(config);
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout?.on('data', (data: Buffer) => out.push(data.toString()));
  child.stderr?.on('data', (data: Buffer) => err.push(data.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const lines = out.join('').trim().split('\n');
  return {
    code,
    signal,
    told: lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Ended['told'][number]),
    err: err.join(''),
  };
}

async function changesOf(edge: string): Promise<string[]> {
  const store = await StageStore.open(nats);
  return (await store.history(parseEdge(edge))).map(({ from, stage }) => `${from} -> ${stage}`);
}

/** Backfills that were ever begun of what the replica is made of. */
async function backfills(): Promise<unknown[]> {
  const client = new pg.Client(system.databaseUrl('projects'));
  await client.connect();
  try {
    return (await client.query<object>('select aggregate, state from banyan.backfill')).rows;
  } finally {
    await client.end();
  }
}

/** What came of each rehearsal of the edge; one that had no call in its half second says nothing, and is tried again. */
async function rehearsals(): Promise<unknown[]> {
  const entries = await new AuditLog(nats).read({ kind: 'rehearsal', about: QUERY });
  const ended = entries.flatMap(({ evidence }) => (evidence === undefined ? [] : [evidence]));
  return ended.filter((each) => !JSON.stringify(each).includes('"outcome":"not-enough"'));
}

it('goes on rightly after a kill just before and just after the effect of every step', async () => {
  const left = new Set(EFFECTS.flatMap((step) => [`acting ${step}`, `acted ${step}`]));
  while (left.size > 0) {
    const { signal, told, err } = await apply([...left]);
    const last = told.at(-1);
    expect(signal, `${err} ${JSON.stringify(last)}`).toBe('SIGKILL');
    expect(left.delete(`${last?.kind} ${last?.step}`)).toBe(true);
  }
  const last = await apply([]);
  expect(last.code, last.err).toBe(0);
  expect(last.told.at(-1)).toMatchObject({ state: 'done' });
  expect(await changesOf(QUERY)).toEqual([
    'call -> cache',
    'cache -> shadow',
    'shadow -> prefer-replica',
    'prefer-replica -> replica',
  ]);
  expect(await changesOf(REACTION)).toEqual(['call -> dual', 'dual -> event']);
  expect(await backfills()).toEqual([{ aggregate: 'project', state: 'done' }]);
  expect(await rehearsals()).toMatchObject([{ outcome: 'passed' }]);
  const runs = await readRuns(nats);
  expect(runs).toMatchObject([{ playbook: 'small', state: 'done', startedBy: 'ann' }]);
  const done = runs.flatMap((run) =>
    run.steps.map((step) => [step.key, 'how' in step ? step.how : step.state]),
  );
  expect(Object.fromEntries(done)).toMatchObject(Object.fromEntries(EFFECTS.map((key) => [key, 'walked'])));
  expect(traffic.counts.failed, traffic.failures.join('\n')).toBe(0);
}, 300_000);

/** Runs a command as a script would. */
async function banyan(...args: string[]): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const terminal = { out: say, err: say, confirm: undefined };
  const code = await banyanRun(args, { terminal, env: { NATS_URL: system.natsUrl }, folder });
  return { code, said: said.join('\n') };
}

const rehearse = (...more: string[]): ReturnType<typeof banyan> =>
  banyan('rehearse', QUERY, '--for', '500ms', '--min-calls', '1', '--yes', ...more);

it('rehearses the absence of a provider, and says whether its callers hold', async () => {
  // A busy machine may have no call in the half second of one.
  await expect
    .poll(() => rehearse(), { timeout: 20_000 })
    .toMatchObject({
      code: 0,
      said: expect.stringContaining('passed at replica: 0 of'),
    });
  expect((await rehearse('--min-calls', '100000')).code).toBe(2);
  expect((await banyan('status', QUERY)).said).toMatch(/Last rehearsal\n.*not-enough at replica/);
  await banyan('back', QUERY, '--to', 'shadow', '--yes');
  const refusal = async (): Promise<string> => (await rehearse()).said;
  await expect.poll(refusal, { timeout: 20_000 }).toContain('has calls at shadow: they would all fail');
  await expect
    .poll(() => rehearse('--force'), { timeout: 20_000 })
    .toMatchObject({
      code: 1,
      said: expect.stringMatching(/failed at shadow: [1-9]\d* of \d+ calls failed/),
    });
  const { said } = await banyan('history', QUERY, '--limit', '3');
  expect(said).toContain('its provider is cut off for 0.5 s');
  const before = traffic.counts.failed;
  const { ok } = traffic.counts;
  await expect.poll(() => traffic.counts.ok, { timeout: 30_000 }).toBeGreaterThan(ok + 20);
  expect(traffic.counts.failed).toBe(before);
}, 90_000);
