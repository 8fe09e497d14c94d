import { defineEvent } from '@banyan/contracts';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { emit } from '@banyan/outbox';
import { wait } from '@banyan/runtime';
import { on, subscriber } from '@banyan/subscriber';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { RelayChild } from '../relay-process.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const EVENTS_A_SECOND = 1000;
const SECONDS = 4;
const PAYLOAD_BYTES = 256;
/** P2 of the design, in ms. */
const TARGET_P50_MS = 3;
const TARGET_P99_MS = 15;

interface Numbered {
  id: number;
}

const renamed = defineEvent<Numbered>({
  source: 'latency',
  aggregate: 'project',
  type: 'ProjectRenamed',
  codec: {
    encode: () => ({ finish: () => Buffer.alloc(PAYLOAD_BYTES, 0xab) }),
    decode: () => ({ id: 0 }),
  },
  key: ({ id }) => `p${id}`,
  version: () => 1,
});

/** Latencies of one round, in ms. */
interface Percentiles {
  p50: number;
  p99: number;
}

/** P2: from the writer's acknowledged commit to the handler, through relay, stream and subscriber. */
export const latencyCase: BenchCase = {
  name: 'latency',
  about: `commit to handler, p99 at ${EVENTS_A_SECOND} events/s; reference: JetStream publish to consume`,
  run: async (options) => {
    const stack = await startStack({ databases: ['latency', 'reader'], log: options.say });
    const nats = await connect({ servers: stack.urls.nats });
    try {
      return await measure(stack, nats, options);
    } finally {
      await nats.close();
      await stack.stop();
    }
  },
};

async function measure(
  stack: Stack,
  nats: NatsConnection,
  { rounds, say }: BenchOptions,
): Promise<BenchResult> {
  const databaseUrl = stack.postgres.url('latency');
  await migrate({ databaseUrl, roles: ['outbox'] });
  await migrate({ databaseUrl: stack.postgres.url('reader'), roles: ['subscriber'] });
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 20 });
  // A connection that waits in the pool hears of it when the server stops.
  pool.on('error', () => undefined);
  const relay = await RelayChild.start('banyan', {
    source: 'latency',
    databaseUrl,
    natsUrl: stack.urls.nats,
  });
  const path = new Path(pool, stack.postgres.url('reader'), nats);
  path.start();
  const [ours, raws]: [Percentiles[], Percentiles[]] = [[], []];
  // The first round warms up both sides and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const raw = await measureRaw(nats, round);
    const our = await path.measure();
    say(
      `round ${round}: raw p50 ${raw.p50} p99 ${raw.p99}, commit to handler p50 ${our.p50} p99 ${our.p99} ms`,
    );
    if (round === 0) continue;
    ours.push(our);
    raws.push(raw);
  }
  await path.stop();
  await relay.stop();
  await pool.end();
  return resultOf(ours, raws);
}

function resultOf(ours: Percentiles[], raws: Percentiles[]): BenchResult {
  const p50 = rounded(median(ours.map((each) => each.p50)));
  const p99 = rounded(median(ours.map((each) => each.p99)));
  const rawP99 = rounded(median(raws.map((each) => each.p99)));
  return {
    case: 'latency',
    unit: 'ms (p99)',
    value: p99,
    reference: rawP99,
    ratio: rounded(median(ours.map((each, index) => each.p99 / (raws[index]?.p99 ?? NaN)))),
    target: TARGET_P99_MS,
    met: p50 < TARGET_P50_MS && p99 < TARGET_P99_MS,
    details: {
      targetIsFor: 'value',
      p50,
      p99,
      targetP50: TARGET_P50_MS,
      referenceP50: rounded(median(raws.map((each) => each.p50))),
      referenceP99: rawP99,
      eventsPerSecond: EVENTS_A_SECOND,
      seconds: SECONDS * ours.length,
      payloadBytes: PAYLOAD_BYTES,
    },
  };
}

/** Writer and handler in one process, so that one clock measures both. */
class Path {
  readonly #pool: pg.Pool;
  readonly #subscriber: ReturnType<typeof subscriber>;
  readonly #committedMs = new Map<string, number>();
  readonly #handledMs = new Map<string, number>();
  #next = 0;

  constructor(pool: pg.Pool, readerUrl: string, nats: NatsConnection) {
    this.#pool = pool;
    const handler = on(renamed, (_tx, _data, { id }) => {
      this.#handledMs.set(id, performance.now());
      return Promise.resolve();
    });
    this.#subscriber = subscriber({
      name: 'bench',
      sources: ['latency'],
      databaseUrl: readerUrl,
      nats,
      handlers: [handler],
    });
  }

  start(): void {
    this.#subscriber.start();
  }

  stop(): Promise<void> {
    return this.#subscriber.stop();
  }

  async measure(): Promise<Percentiles> {
    this.#committedMs.clear();
    this.#handledMs.clear();
    const events: Promise<void>[] = [];
    await atRate(() => events.push(this.#write(this.#next++)));
    await Promise.all(events);
    while (this.#handledMs.size < events.length) await wait(10);
    return percentilesOf(
      [...this.#handledMs].map(([id, ms]) => Math.max(0, ms - (this.#committedMs.get(id) ?? ms))),
    );
  }

  async #write(id: number): Promise<void> {
    await emit(this.#pool, renamed, { id });
    this.#committedMs.set(`p${id}`, performance.now());
  }
}

async function measureRaw(nats: NatsConnection, round: number): Promise<Percentiles> {
  const name = `RAW_${round}`;
  const manager = await jetstreamManager(nats);
  await manager.streams.add({ name, subjects: [`raw.${round}`] });
  const messages = await (await jetstream(nats).consumers.get(name)).consume();
  const latencies: number[] = [];
  const reading = (async () => {
    for await (const message of messages) {
      latencies.push(performance.now() - Number(message.string().slice(0, 20)));
      if (latencies.length === EVENTS_A_SECOND) return;
    }
  })();
  const client = jetstream(nats);
  const sent: Promise<unknown>[] = [];
  await atRate(() => {
    const stamp = performance.now().toFixed(4).padStart(20);
    sent.push(client.publish(`raw.${round}`, stamp.padEnd(PAYLOAD_BYTES)));
  }, 1);
  await Promise.all([...sent, reading]);
  await manager.streams.delete(name);
  return percentilesOf(latencies);
}

/** Calls evenly, as many times as make up the rate; timers are late, so each turn makes up for what is due. */
async function atRate(call: () => void, seconds = SECONDS): Promise<void> {
  const startMs = performance.now();
  for (let done = 0; done < EVENTS_A_SECOND * seconds;) {
    const due = Math.min(EVENTS_A_SECOND * seconds, ((performance.now() - startMs) / 1000) * EVENTS_A_SECOND);
    for (; done < due; done++) call();
    await wait(1);
  }
}

function percentilesOf(latencies: number[]): Percentiles {
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share: number): number => rounded(sorted[Math.floor(share * (sorted.length - 1))] ?? NaN);
  return { p50: at(0.5), p99: at(0.99) };
}
