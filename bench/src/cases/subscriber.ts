import {
  defineEvent,
  formatPosition,
  partitionOf,
  PARTITIONS,
  streamOf,
  subjectOf,
  subjectsOf,
} from '@banyan/contracts';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { wait } from '@banyan/runtime';
import { replica, rowFrom, subscriber, type Replica } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { createInbox, headers } from '@nats-io/nats-core';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const EVENTS = 100_000;
/** One by one is slow: of the same stream, it is measured by its first events. */
const EVENTS_ONE_BY_ONE = 5000;
const KEYS = 10_000;
const PAYLOAD_BYTES = 256;
const WINDOW = 4096;
/** P4 of the design. */
const TARGET_EVENTS_A_SECOND = 15_000;

interface Renamed {
  id: string;
  version: number;
  name: string;
}

const renamed = defineEvent<Renamed>({
  source: 'busy',
  aggregate: 'project',
  type: 'ProjectRenamed',
  codec: {
    encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
    decode: (input) => JSON.parse(Buffer.from(input).toString()) as Renamed,
  },
  key: ({ id }) => id,
  version: ({ version }) => version,
});

interface Setup {
  lanes: number;
  batchEvents: number;
}

const SETUPS: readonly Setup[] = [1, 4].flatMap((lanes) =>
  [1, 100, 1000].map((batchEvents) => ({ lanes, batchEvents })),
);
const BEST: Setup = { lanes: 4, batchEvents: 1000 };
const ONE_BY_ONE: Setup = { lanes: 1, batchEvents: 1 };

/** P4: a backlog from the stream into a replica, exactly once there. */
export const subscriberCase: BenchCase = {
  name: 'subscriber',
  about: `upserts ${EVENTS} events of ${PAYLOAD_BYTES} bytes into PostgreSQL; reference: one by one`,
  run: async (options) => {
    const stack = await startStack({ databases: ['admin', 'empty'], log: options.say });
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
  await fillStream(nats);
  await migrate({ databaseUrl: stack.postgres.url('empty'), roles: ['subscriber'] });
  await query(stack.postgres.url('empty'), [
    'create table project_replica (id text primary key, version bigint not null, name text not null)',
  ]);
  const rates = new Map<string, number[]>();
  // The first round warms up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const setup of SETUPS) {
      const rate = await drain(stack, nats, setup);
      say(`round ${round}: ${nameOf(setup)} ${Math.round(rate)}/s`);
      if (round > 0) rates.set(nameOf(setup), [...(rates.get(nameOf(setup)) ?? []), rate]);
    }
  }
  return resultOf(rates, rounds);
}

function resultOf(rates: ReadonlyMap<string, number[]>, rounds: number): BenchResult {
  const of = (setup: Setup): number[] => rates.get(nameOf(setup)) ?? [];
  const [best, reference] = [of(BEST), of(ONE_BY_ONE)];
  const value = Math.round(median(best));
  return {
    case: 'subscriber',
    unit: 'events/s',
    value,
    reference: Math.round(median(reference)),
    ratio: rounded(median(best.map((rate, index) => rate / (reference[index] ?? NaN)))),
    target: TARGET_EVENTS_A_SECOND,
    met: value >= TARGET_EVENTS_A_SECOND,
    details: {
      targetIsFor: 'value',
      events: EVENTS,
      keys: KEYS,
      payloadBytes: PAYLOAD_BYTES,
      rounds,
      eventsPerSecond: Object.fromEntries([...rates].map(([name, each]) => [name, Math.round(median(each))])),
    },
  };
}

const nameOf = ({ lanes, batchEvents }: Setup): string => `lanes ${lanes}, batches of ${batchEvents}`;

/** From the start until the last event is in the table, in a database of its own. */
async function drain(stack: Stack, nats: NatsConnection, setup: Setup): Promise<number> {
  const admin = stack.postgres.url('admin');
  await query(admin, ['create database drained template empty']);
  const databaseUrl = stack.postgres.url('drained');
  const events = setup.batchEvents === 1 ? EVENTS_ONE_BY_ONE : EVENTS;
  const running = subscriber({
    name: 'bench',
    sources: ['busy'],
    databaseUrl,
    nats,
    handlers: [projectReplica()],
    ...setup,
  });
  const startMs = performance.now();
  running.start();
  while (running.status.applied < events) await wait(2);
  const rate = (running.status.applied / (performance.now() - startMs)) * 1000;
  await running.stop();
  await query(admin, ['drop database drained with (force)']);
  return rate;
}

function projectReplica(): Replica {
  return replica({
    table: 'project_replica',
    key: 'id',
    columns: ['id', 'version', 'name'],
    version: 'version',
    mappings: [rowFrom(renamed, ({ id, version, name }) => ({ id, version, name }))],
  });
}

/** The stream as a relay would have filled it. */
async function fillStream(nats: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(nats);
  await manager.streams.add({ name: streamOf('busy'), subjects: [subjectsOf('busy')] });
  const inbox = createInbox();
  let [acked, wake] = [0, (): void => undefined];
  const acks = nats.subscribe(inbox, {
    callback: () => {
      acked += 1;
      wake();
    },
  });
  const heads = new Array<number>(PARTITIONS).fill(0);
  for (let n = 1; n <= EVENTS; n++) {
    publish(nats, n, { heads, inbox });
    while (n - acked >= WINDOW) await new Promise<void>((resolve) => (wake = resolve));
  }
  while (acked < EVENTS) await new Promise<void>((resolve) => (wake = resolve));
  acks.unsubscribe();
}

function publish(
  nats: NatsConnection,
  n: number,
  { heads, inbox }: { heads: number[]; inbox: string },
): void {
  const id = `p${n % KEYS}`;
  const partition = partitionOf('project', id);
  const version = Math.ceil(n / KEYS);
  const head = headers();
  const lines: Record<string, string> = {
    'ce-specversion': '1.0',
    'ce-id': `3d9fda40-78d7-447e-a266-${String(n).padStart(12, '0')}`,
    'ce-source': '/busy',
    'ce-type': 'busy.ProjectRenamed',
    'ce-time': '2026-01-02T03:04:05.678901Z',
    'ce-subject': id,
    'ce-partitionkey': `project/${id}`,
    'content-type': 'application/json',
    'Banyan-Position': formatPosition(1, n),
    'Banyan-Tick': '1',
    'Banyan-Prev': formatPosition(1, heads[partition] ?? 0),
    'Banyan-Version': String(version),
  };
  for (const [name, value] of Object.entries(lines)) head.set(name, value);
  heads[partition] = n;
  const data = { id, version, name: '' };
  data.name = 'x'.repeat(PAYLOAD_BYTES - JSON.stringify(data).length);
  const subject = subjectOf('busy', { aggregate: 'project', type: 'ProjectRenamed', partition });
  nats.publish(subject, renamed.encode(data), { headers: head, reply: inbox });
}

async function query(databaseUrl: string, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}
