import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProjectsServiceClient } from '@banyan/contracts/projects';
import { StageWatch } from '@banyan/control';
import { startStack } from '@banyan/devstack';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { fillTable, IDS, Side, SIDES, type SideName, type SideParts } from '../edge-sides.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const CALLERS = 16;
/** How long each side is called in a slice, and how many slices a round has: short ones, that a busy machine hits all alike. */
const SLICE_MS = 300;
const SLICES = 4;
/** P5 of the design: throughput at the stage `call`. */
const TARGET_RATIO = 0.95;
/** P5 of the design: how many times cheaper an answer from memory is than a call, one at a time. */
const TARGET_CHEAPER = 100;

/** P5: what an edge costs at `call`, with the ledgers of both sides, and what its other stages give. */
export const edgeCase: BenchCase = {
  name: 'edge',
  about: 'calls/s through an edge at `call`, 16 callers; reference: bare grpc-js. Also cache and replicas',
  run: async (options) => {
    const stack = await startStack({ databases: ['edge'], log: options.say });
    const provider = fork(fileURLToPath(new URL('../edge-provider.js', import.meta.url)));
    const [addresses] = (await once(provider, 'message')) as [SideParts['addresses']];
    const connection = await connect({ servers: stack.urls.nats });
    const pool = new pg.Pool({ connectionString: stack.postgres.url('edge'), max: CALLERS });
    pool.on('error', (error) => options.say(`an idle connection broke: ${error.message}`));
    try {
      await fillTable(pool);
      const stages = new StageWatch({ connection, stateDir: `${stack.dir}/stages` });
      return await measure({ addresses, stages, pool }, options);
    } finally {
      provider.kill();
      await Promise.all([pool.end(), connection.close()]);
      await stack.stop();
    }
  },
};

interface Figures {
  callsPerSecond: number;
  p50: number;
  p99: number;
  /** CPU time that a call takes from the caller's process, in µs: the figure that other processes disturb least. */
  cpuUs: number;
  /** Time of one call when there is no other, in ms. */
  alone: number;
}

type Rounds = Record<SideName, Figures[]>;

async function measure(parts: SideParts, { rounds, say }: BenchOptions): Promise<BenchResult> {
  const sides = new Map(SIDES.map((name) => [name, new Side(name, parts)]));
  const seen: Rounds = { bare: [], call: [], cache: [], postgres: [], memory: [] };
  // Round 0 warms up and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    const figures = await roundOf(sides, round);
    if (round === 0) continue;
    for (const [name, each] of figures) seen[name].push(each);
    say(
      `round ${round}: ${[...figures].map(([name, each]) => `${name} ${each.callsPerSecond}/s`).join(', ')}`,
    );
  }
  await Promise.all([...sides.values()].map((side) => side.stop()));
  return resultOf(seen);
}

async function roundOf(sides: ReadonlyMap<SideName, Side>, round: number): Promise<Map<SideName, Figures>> {
  const seen = new Map<SideName, Slices>(SIDES.map((name) => [name, { times: [], alone: [], cpuUs: 0 }]));
  for (let slice = 0; slice < SLICES; slice += 1) {
    // Another one begins each time, every other time in the opposite order: what follows whom must not matter.
    const turned = SIDES.map((_, i) => SIDES[(i + round) % SIDES.length] ?? 'bare');
    for (const name of slice % 2 === 0 ? turned : turned.reverse()) {
      const [side, slices] = [sides.get(name), seen.get(name)];
      if (side !== undefined && slices !== undefined) await sliceOf(side.client, slices);
    }
  }
  return new Map([...seen].map(([name, slices]) => [name, figuresOf(slices)]));
}

interface Slices {
  times: number[];
  alone: number[];
  cpuUs: number;
}

async function sliceOf(client: ProjectsServiceClient, slices: Slices): Promise<void> {
  const before = process.cpuUsage();
  slices.times.push(...(await callFor(client, CALLERS, SLICE_MS)));
  const { user, system } = process.cpuUsage(before);
  slices.cpuUs += user + system;
  slices.alone.push(...(await callFor(client, 1, SLICE_MS / 3)));
}

function figuresOf({ times, alone, cpuUs }: Slices): Figures {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
  const callsPerSecond = Math.round((times.length / (SLICES * SLICE_MS)) * 1_000);
  return { callsPerSecond, p50: at(0.5), p99: at(0.99), cpuUs: cpuUs / times.length, alone: median(alone) };
}

/** So many callers, each with one call after the other; the time of each call, in ms. */
async function callFor(client: ProjectsServiceClient, callers: number, forMs: number): Promise<number[]> {
  const times: number[] = [];
  const endMs = performance.now() + forMs;
  const caller = async (first: number): Promise<void> => {
    for (let i = first; performance.now() < endMs; i += 1) {
      times.push(await callTime(client, IDS[i % IDS.length] ?? ''));
      // Answers from memory come without any input or output: give the rest of the process its turn now and then.
      if (i % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => caller(i * 61)));
  return times;
}

function callTime(client: ProjectsServiceClient, id: string): Promise<number> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    client.getProject({ id }, (error) =>
      error === null ? resolve(performance.now() - startedMs) : reject(error),
    );
  });
}

function resultOf(seen: Rounds): BenchResult {
  const of = (name: SideName, figure: keyof Figures): number =>
    median(seen[name].map((each) => each[figure]));
  const ratioOf = (name: SideName, figure: keyof Figures): number =>
    median(seen[name].map((each, i) => each[figure] / (seen.bare[i]?.[figure] ?? NaN)));
  const cheaper = median(seen.memory.map(({ alone }, i) => (seen.bare[i]?.alone ?? NaN) / alone));
  const ratio = rounded(ratioOf('call', 'callsPerSecond'), 3);
  const details = SIDES.map((name): [string, object] => [
    name,
    {
      callsPerSecond: Math.round(of(name, 'callsPerSecond')),
      toBare: rounded(ratioOf(name, 'callsPerSecond'), 3),
      p50Ms: rounded(of(name, 'p50'), 3),
      p99Ms: rounded(of(name, 'p99'), 3),
      cpuUs: rounded(of(name, 'cpuUs'), 1),
      cpuToBare: rounded(ratioOf(name, 'cpuUs'), 3),
      aloneMs: rounded(of(name, 'alone'), 4),
    },
  ]);
  return {
    case: 'edge',
    unit: 'calls/s',
    value: Math.round(of('call', 'callsPerSecond')),
    reference: Math.round(of('bare', 'callsPerSecond')),
    ratio,
    target: TARGET_RATIO,
    met: ratio >= TARGET_RATIO,
    details: {
      callers: CALLERS,
      ...Object.fromEntries(details),
      memoryCheaperThanCall: {
        value: rounded(cheaper),
        target: TARGET_CHEAPER,
        met: cheaper >= TARGET_CHEAPER,
      },
    },
  };
}
