import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TaskRenamedEvent, TaskState, type TaskRenamed } from '@banyan/contracts/tasks';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { emit } from '@banyan/outbox';
import { wait } from '@banyan/runtime';
import pg from 'pg';
import type { GatewayMemory } from '../gateway-child.js';
import { PushClients } from '../push-clients.js';
import { RelayChild } from '../relay-process.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const SOCKETS = 1000;
const DEAF = 10;
const SOURCES = ['teams', 'projects', 'tasks'];
const CHANGES_A_ROUND = 20;
const EVERY_MS = 100;
/** Of the changes that only the deaf watch. */
const LARGE_CHARACTERS = 20_000;
/** More than the kernel takes for a socket that nobody reads, several times over. */
const LARGE_FIRST = 1000;
const PATIENCE_MS = 20_000;
/** With clients that never read, the others' p99 may be at most so many times as long. */
const TARGET_RATIO = 1.5;

/** From the commit of a change until its frame is at each of many sockets, alone and beside clients that never read. */
export const pushCase: BenchCase = {
  name: 'push',
  about: `change to frame at each of ${SOCKETS} sockets, p99, beside ${DEAF} that never read; reference: without those`,
  run: async (options) => {
    const stack = await startStack({ databases: SOURCES, log: options.say });
    const relays = await startRelays(stack);
    const gateway = await GatewayChild.start(stack);
    const pool = new pg.Pool({ connectionString: stack.postgres.url('tasks') });
    try {
      return await measure({ gateway, pool, clients: new PushClients(gateway.address) }, options);
    } finally {
      await pool.end();
      gateway.stop();
      await Promise.all(relays.map((relay) => relay.stop()));
      await stack.stop();
    }
  },
};

interface Stand {
  gateway: GatewayChild;
  pool: pg.Pool;
  clients: PushClients;
}

interface Round {
  p50: number;
  p99: number;
}

async function measure(stand: Stand, { rounds, say }: BenchOptions): Promise<BenchResult> {
  const { gateway, clients } = stand;
  await gateway.untilPushing();
  const before = await gateway.memory();
  await clients.open(SOCKETS, 'tasks?projectId=small');
  const after = await gateway.memory();
  await measureRound(stand, () => Promise.resolve());
  const alone: Round[] = [];
  for (let round = 1; round <= rounds; round++)
    alone.push(await measureRound(stand, () => Promise.resolve()));
  say(`alone: p50 ${median(alone.map(({ p50 }) => p50))}, p99 ${median(alone.map(({ p99 }) => p99))} ms`);
  for (let i = 0; i < DEAF; i++) await clients.openDeaf('tasks?projectId=large');
  for (let i = 0; i < LARGE_FIRST; i++) await large(stand.pool);
  const beside: Round[] = [];
  for (let round = 1; round <= rounds; round++)
    beside.push(await measureRound(stand, () => large(stand.pool)));
  const deaf = await gateway.memory();
  clients.close();
  return resultOf({ alone, beside }, { before, after, deaf });
}

interface Memory {
  before: GatewayMemory;
  after: GatewayMemory;
  deaf: GatewayMemory;
}

function resultOf({ alone, beside }: Record<'alone' | 'beside', Round[]>, memory: Memory): BenchResult {
  const of = (rounds: readonly Round[], what: keyof Round): number =>
    rounded(median(rounds.map((each) => each[what])));
  const [value, reference] = [of(beside, 'p99'), of(alone, 'p99')];
  const ratio = rounded(value / reference);
  const perSocket = (what: keyof GatewayMemory): number =>
    rounded((memory.after[what] - memory.before[what]) / SOCKETS / 1024, 1);
  return {
    ...{ case: 'push', unit: 'ms (p99)', value, reference, ratio, target: TARGET_RATIO },
    met: ratio <= TARGET_RATIO,
    details: {
      ...{ sockets: SOCKETS, deaf: DEAF, changesASecond: 1000 / EVERY_MS },
      alone: { p50: of(alone, 'p50'), p99: reference },
      besideDeaf: { p50: of(beside, 'p50'), p99: value },
      kibASocket: { rss: perSocket('rss'), heap: perSocket('heap') },
      mibOfGateway: {
        withoutSockets: mib(memory.before.rss),
        withSockets: mib(memory.after.rss),
        withDeaf: mib(memory.deaf.rss),
      },
    },
  };
}

const mib = (bytes: number): number => rounded(bytes / 1024 / 1024, 0);

/** Makes changes at a steady rate; each frame's time counts from its change's commit. */
async function measureRound({ pool, clients }: Stand, beside: () => Promise<void>): Promise<Round> {
  const times: number[] = [];
  for (let i = 0; i < CHANGES_A_ROUND; i++) {
    const beganMs = performance.now();
    await beside();
    const name = `${Math.round(beganMs * 1000)}`;
    const committedMs = await change(pool, 'small', name);
    const arrivals = await clients.arrivalsOf(name, PATIENCE_MS);
    if (arrivals === undefined)
      throw new Error(`the frames of a change are not there after ${PATIENCE_MS} ms`);
    for (const arrival of arrivals) times.push(arrival - committedMs);
    await wait(Math.max(0, EVERY_MS - (performance.now() - beganMs)));
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** A change that only the deaf watch. */
async function large(pool: pg.Pool): Promise<void> {
  await change(pool, 'large', 'x'.repeat(LARGE_CHARACTERS));
}

let version = 0;

/** @returns when it was committed, by the monotonic clock */
async function change(pool: pg.Pool, projectId: string, name: string): Promise<number> {
  version += 1;
  const at = { createdAt: new Date(0), updatedAt: new Date(0) };
  const task = { id: `${projectId}-task`, version, projectId, teamId: 't', name, assigneeId: '' };
  const data: TaskRenamed = { task: { ...task, state: TaskState.OPEN, ...at }, previousName: '' };
  await emit(pool, TaskRenamedEvent, data);
  return performance.now();
}

async function startRelays(stack: Stack): Promise<RelayChild[]> {
  return Promise.all(
    SOURCES.map(async (source) => {
      const databaseUrl = stack.postgres.url(source);
      await migrate({ databaseUrl, roles: ['outbox'] });
      return RelayChild.start('banyan', { source, databaseUrl, natsUrl: stack.urls.nats });
    }),
  );
}

class GatewayChild {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  static async start(stack: Stack): Promise<GatewayChild> {
    const config = { natsUrl: stack.urls.nats, stateDir: `${stack.dir}/gateway` };
    const program = fileURLToPath(new URL('../gateway-child.js', import.meta.url));
    const child = fork(program, [JSON.stringify(config)], { execArgv: ['--expose-gc'] });
    const [address] = (await once(child, 'message')) as [string];
    return new GatewayChild(child, address);
  }

  async untilPushing(): Promise<void> {
    const state = async (): Promise<unknown> => (await fetch(`http://${this.address}/api/live`)).json();
    for (;;) {
      const { mode } = (await state()) as { mode: string };
      if (mode === 'push') return;
      await wait(50);
    }
  }

  async memory(): Promise<GatewayMemory> {
    const answer = once(this.#child, 'message');
    this.#child.send('memory');
    const [memory] = (await answer) as [GatewayMemory];
    return memory;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
