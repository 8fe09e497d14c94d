import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { changeStage, parseEdge, StageStore, type StageRecord } from '@banyan/control';
import { startNats, temporaryFolder } from '@banyan/devstack';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { FlipChildConfig, FlipSeen } from '../flip-child.js';
import { rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const PROCESSES = 8;
const FLIPS_A_ROUND = 40;
/** Changes made as an operator makes them: it waits until each process has said that it has the change on disk. */
const CONFIRMED_A_ROUND = 4;
const EDGE = 'bench -> projects.GetProject';
/** P6 of the design, in ms. */
const TARGET_P99_MS = 100;

/** P6: from the write of a change, its audit entry included, until the last of the processes obeys it. */
export const flipCase: BenchCase = {
  name: 'flip',
  about: `stage change to in force in each of ${PROCESSES} processes, p99; reference: until the first obeys it`,
  run: async (options) => {
    const folder = await temporaryFolder();
    const nats = await startNats({ dir: join(folder.path, 'nats'), own: true });
    const connection = await connect({ servers: nats.url });
    const flock = await Flock.start(nats.url, folder.path);
    try {
      return await measured({ flock, connection }, options);
    } finally {
      await flock.stop();
      await connection.close();
      await nats.stop();
      await folder.remove();
    }
  },
};

interface Stand {
  flock: Flock;
  connection: NatsConnection;
}

interface Flip {
  firstMs: number;
  lastMs: number;
}

async function measured(stand: Stand, { rounds, say }: BenchOptions): Promise<BenchResult> {
  const flipper = new Flipper(stand, await StageStore.open(stand.connection));
  for (let i = 0; i < FLIPS_A_ROUND; i += 1) await flipper.flip();
  const flips: Flip[] = [];
  const confirmed: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const own: Flip[] = [];
    for (let i = 0; i < FLIPS_A_ROUND; i += 1) own.push(await flipper.flip());
    for (let i = 0; i < CONFIRMED_A_ROUND; i += 1) confirmed.push(await flipper.flipConfirmed());
    flips.push(...own);
    const last = own.map(({ lastMs }) => lastMs);
    say(`round ${round}: last process p50 ${at(last, 0.5)}, p99 ${at(last, 0.99)} ms`);
  }
  return resultOf(flips, confirmed);
}

function resultOf(flips: readonly Flip[], confirmed: readonly number[]): BenchResult {
  const last = flips.map(({ lastMs }) => lastMs);
  const first = flips.map(({ firstMs }) => firstMs);
  const value = at(last, 0.99);
  const reference = at(first, 0.99);
  return {
    case: 'flip',
    unit: 'ms (p99)',
    value,
    reference,
    ratio: rounded(value / reference),
    target: TARGET_P99_MS,
    met: value <= TARGET_P99_MS,
    details: {
      targetIs: 'of the value',
      processes: PROCESSES,
      flips: flips.length,
      lastProcess: { p50: at(last, 0.5), p99: value, max: at(last, 1) },
      firstProcess: { p50: at(first, 0.5), p99: reference },
      confirmedOnDisk: { count: confirmed.length, p50: at(confirmed, 0.5), max: at(confirmed, 1) },
    },
  };
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
}

/** Moves the edge up and down between two stages. */
class Flipper {
  readonly #stand: Stand;
  readonly #store: StageStore;
  #last: StageRecord | undefined;

  constructor(stand: Stand, store: StageStore) {
    this.#stand = stand;
    this.#store = store;
  }

  async flip(): Promise<Flip> {
    const startedNs = process.hrtime.bigint();
    this.#last = await this.#store.write(parseEdge(EDGE), this.#next());
    const seenNs = await this.#stand.flock.untilSeen(this.#last.changeId);
    const tookMs = seenNs.map((ns) => Number(ns - startedNs) / 1e6);
    return { firstMs: Math.min(...tookMs), lastMs: Math.max(...tookMs) };
  }

  /** As commands do it; the time that they wait beforehand for processes to make themselves known is not counted. */
  async flipConfirmed(): Promise<number> {
    const { record, inForce, missing } = await changeStage(this.#stand.connection, {
      ...{ edge: EDGE, waitMs: 200, ...this.#next() },
    });
    if (missing.length > 0 || inForce.length < PROCESSES) throw new Error('not in force in all processes');
    this.#last = record;
    return Math.max(...inForce.map(({ ms }) => ms));
  }

  #next() {
    const from = this.#last?.stage ?? 'call';
    const stage = from === 'call' ? 'shadow' : 'call';
    return { stage, from, by: 'bench', why: 'flip', expected: this.#last?.changeId } as const;
  }
}

/** The processes. */
class Flock {
  readonly #children: readonly ChildProcess[];
  readonly #seen = new Map<string, bigint[]>();
  #waiting: (() => void) | undefined;

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
    for (const child of children) child.on('message', (message) => this.#note(message));
  }

  static async start(natsUrl: string, folder: string): Promise<Flock> {
    const program = fileURLToPath(new URL('../flip-child.js', import.meta.url));
    const children = Array.from({ length: PROCESSES }, (_, i) => {
      const config: FlipChildConfig = { natsUrl, stateDir: join(folder, `process-${i}`), edge: EDGE };
      return fork(program, [JSON.stringify(config)]);
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    return new Flock(children);
  }

  /** When each process began to obey a change, in ns of the monotonic clock. */
  async untilSeen(changeId: string): Promise<readonly bigint[]> {
    for (;;) {
      const seen = this.#seen.get(changeId) ?? [];
      if (seen.length === this.#children.length) return seen;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
  }

  #note(message: unknown): void {
    if (typeof message !== 'object') return;
    const { changeId, atNs } = message as FlipSeen;
    this.#seen.set(changeId, [...(this.#seen.get(changeId) ?? []), BigInt(atNs)]);
    this.#waiting?.();
  }
}
