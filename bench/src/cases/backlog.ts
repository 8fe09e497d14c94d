import pg from 'pg';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { SourceRelay, type SourceRelayConfig } from '@banyan/relay';
import { wait } from '@banyan/runtime';
import { RelayChild, untilAcked } from '../relay-process.js';
import { rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const EVENTS = 1_000_000;
const FEW_EVENTS = 10_000;
const PAYLOAD_BYTES = 256;
/** P7 of the design, in MB. */
const TARGET_MB = 256;

const FILL = `
select count(banyan.emit('project', 'p' || i % 1000, 'ProjectRenamed', decode(repeat('ab', ${PAYLOAD_BYTES}), 'hex'), i))
from generate_series(1, $1::int) i`;

const SIZE = `select sum(bytes)::bigint as value from banyan.outbox_slots`;
const DEAD = `select sum(n_dead_tup) as value from pg_stat_user_tables where relname like 'outbox\\__'`;

/** How a backlog came to be: how many events in all, and in each transaction. */
interface Backlog {
  name: string;
  events: number;
  perTransaction: number;
}

const BACKLOGS: readonly Backlog[] = [
  { name: 'few', events: FEW_EVENTS, perTransaction: 1000 },
  { name: 'many', events: EVENTS, perTransaction: 1000 },
  { name: 'single', events: EVENTS, perTransaction: EVENTS },
];

interface Drained {
  maxRssMb: number;
  eventsPerSecond: number;
  /** The outbox with its indexes, in bytes: new, full, and after its rotation. */
  bytes: { base: number; full: number; rotated: number };
  deadTuples: number;
}

/** P7 and P9: a relay's memory while it drains a large backlog, and what is left of the outbox after a rotation. */
export const backlogCase: BenchCase = {
  name: 'backlog',
  about: `memory of a relay that drains ${EVENTS} events, also of one transaction; reference: the same with ${FEW_EVENTS}`,
  run: async (options) => {
    const names = BACKLOGS.map(({ name }) => name);
    const stack = await startStack({ databases: names, log: options.say });
    try {
      return await measure(stack, options);
    } finally {
      await stack.stop();
    }
  },
};

async function measure(stack: Stack, { say }: BenchOptions): Promise<BenchResult> {
  const drained: Record<string, Drained> = {};
  for (const backlog of BACKLOGS) {
    const result = await drain(stack, backlog);
    say(`${backlog.name}: ${result.maxRssMb} MB at most, ${result.eventsPerSecond}/s`);
    drained[backlog.name] = result;
  }
  const { few, ...large } = drained;
  const value = Math.max(...Object.values(large).map(({ maxRssMb }) => maxRssMb));
  const reference = few?.maxRssMb ?? NaN;
  const isClean = Object.values(large).every(
    ({ bytes, deadTuples }) => bytes.rotated === bytes.base && deadTuples === 0,
  );
  return {
    case: 'backlog',
    unit: 'MB resident',
    value,
    reference,
    ratio: rounded(value / reference),
    target: TARGET_MB,
    met: value < TARGET_MB && isClean,
    details: {
      targetIsFor: 'value',
      payloadBytes: PAYLOAD_BYTES,
      events: EVENTS,
      outboxIsBackToBase: isClean,
      drained,
    },
  };
}

async function drain(stack: Stack, backlog: Backlog): Promise<Drained> {
  const databaseUrl = stack.postgres.url(backlog.name);
  await migrate({ databaseUrl, roles: ['outbox'] });
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const base = await numberOf(client, SIZE);
    await fill(client, backlog);
    const full = await numberOf(client, SIZE);
    const config = { source: backlog.name, databaseUrl, natsUrl: stack.urls.nats };
    const drained = await drainBy(config, client, backlog.events);
    await rotate(client, new SourceRelay({ ...config, retentionMs: 0, retentionCheckMs: 100 }));
    const rotated = await numberOf(client, SIZE);
    return { ...drained, bytes: { base, full, rotated }, deadTuples: await numberOf(client, DEAD) };
  } finally {
    await client.end();
  }
}

async function fill(client: pg.Client, { events, perTransaction }: Backlog): Promise<void> {
  for (let n = 0; n < events; n += perTransaction) await client.query(FILL, [perTransaction]);
}

async function drainBy(
  config: SourceRelayConfig,
  client: pg.Client,
  events: number,
): Promise<Pick<Drained, 'maxRssMb' | 'eventsPerSecond'>> {
  const startMs = performance.now();
  const relay = await RelayChild.start('banyan', config);
  await untilAcked(client, events);
  const eventsPerSecond = Math.round((events / (performance.now() - startMs)) * 1000);
  const { maxRssBytes } = await relay.usage();
  await relay.stop();
  return { maxRssMb: Math.round(maxRssBytes / 2 ** 20), eventsPerSecond };
}

/** Lets a relay that keeps nothing empty the outbox. */
async function rotate(client: pg.Client, relay: SourceRelay): Promise<void> {
  relay.start();
  while (
    (await numberOf(client, 'select count(*) as value from (select from banyan.outbox limit 1) remaining')) >
    0
  )
    await wait(50);
  await relay.stop();
  await client.query('analyze banyan.outbox');
}

async function numberOf(client: pg.Client, query: string): Promise<number> {
  const { rows } = await client.query<{ value: string }>(query);
  return Number(rows[0]?.value);
}
