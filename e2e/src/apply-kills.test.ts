import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEdge, readRuns, StageStore } from '@banyan/control';
import { connect, type NatsConnection } from '@nats-io/transport-node';
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
  gate: { maxDisagreement: 0.2, confidence: 0.8 }
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

/** The steps that have an effect, in the order in which they are bound to come on each edge. */
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

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-apply-'));
  writeFileSync(join(folder, 'small.yaml'), PLAYBOOK);
  system = await MigratedSystem.start({ log: () => undefined });
  nats = await connect({ servers: system.natsUrl });
  clients = new Clients(system.addresses, 'test');
  traffic = new Traffic({ clients, users: 4, pauseMs: 20, seed: 11 });
  await traffic.world.seed(4, 40);
  traffic.start();
}, 120_000);

afterAll(async () => {
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

async function apply(killedAt?: ApplyChildConfig['killedAt']): Promise<Ended> {
  const limits = ['--min-reactions', '5', '--min-calls', '1', '--wait', '60s'];
  const args = ['apply', join(folder, 'small.yaml'), '--yes', '--json', '--by', 'ann', ...limits];
  const config: ApplyChildConfig = { args, natsUrl: system.natsUrl, ...(killedAt && { killedAt }) };
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(config)]);
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (data: Buffer) => out.push(data.toString()));
  child.stderr.on('data', (data: Buffer) => err.push(data.toString()));
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

it('goes on rightly after a kill just before and just after the effect of every step', async () => {
  const left = new Set(EFFECTS.flatMap((step) => [`acting ${step}`, `acted ${step}`]));
  let kills = 0;
  while (left.size > 0) {
    const [next = ''] = left;
    const [kind = ''] = next.split(' ', 1);
    const ended = await apply({ kind, step: next.slice(kind.length + 1) });
    expect(ended.signal, `${next}: ${ended.err} ${JSON.stringify(ended.told.at(-1))}`).toBe('SIGKILL');
    kills += 1;
    left.delete(next);
  }
  expect(kills).toBe(2 * EFFECTS.length);
  const last = await apply();
  expect(last.code, last.err).toBe(0);
  expect(last.told.at(-1)).toMatchObject({ state: 'done' });
  expect(await changesOf(QUERY)).toEqual([
    'call -> cache',
    'cache -> shadow',
    'shadow -> prefer-replica',
    'prefer-replica -> replica',
  ]);
  expect(await changesOf(REACTION)).toEqual(['call -> dual', 'dual -> event']);
  const [run] = await readRuns(nats);
  expect(run?.steps.map(({ state }) => state)).toEqual(run?.steps.map(() => 'done'));
  expect(traffic.counts.failed, traffic.failures.join('\n')).toBe(0);
}, 300_000);
