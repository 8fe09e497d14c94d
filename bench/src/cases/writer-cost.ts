import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { RelayChild, untilAcked } from '../relay-process.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const CLIENTS = [8, 32] as const;
const SECONDS = 3;
/** P3 of the design, at 32 clients. */
const TARGET_RATIO = 0.9;

const PAYLOAD = `decode(repeat('ab', 256), 'hex')`;
const ROW = `(slot, event_id, partition, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
values (pg_sequence_last_value('banyan.outbox_slot') % 3, gen_random_uuid(), :id % 64, 'project', 'p' || :id, 1, 'ProjectRenamed', ${PAYLOAD}, '{}');`;

// Each side is one transaction of one statement, the relay running. `insert` writes the same row into the same table.
// `unrelayed` writes it into a table that no relay reads: the difference is what the relay and the broker take from a
// machine that they share with the writers.
const SIDES = {
  unrelayed: `insert into unrelayed ${ROW}`,
  insert: `insert into banyan.outbox ${ROW}`,
  naive: `begin;\ninsert into banyan.outbox ${ROW}\nnotify naive_outbox;\ncommit;`,
  emit: `select banyan.emit('project', 'p' || :id, 'ProjectRenamed', ${PAYLOAD}, 1);`,
} as const;

type Side = keyof typeof SIDES;
const ALL_SIDES = Object.keys(SIDES) as Side[];

/** P3: what publishing costs the writer. */
export const writerCostCase: BenchCase = {
  name: 'writer-cost',
  about: 'transactions/s with emit, 32 clients; reference: a plain INSERT of the same row. Needs pgbench',
  run: async (options) => {
    const stack = await startStack({ databases: ['writers'], log: options.say });
    try {
      return await measure(stack, options);
    } finally {
      await stack.stop();
    }
  },
};

async function measure(stack: Stack, { rounds, say }: BenchOptions): Promise<BenchResult> {
  const bench = await Bench.open(stack);
  const tps = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const clients of CLIENTS) {
      // Each round begins with another side: what comes later meets larger tables.
      const order = ALL_SIDES.map((_, index) => ALL_SIDES[(index + round) % ALL_SIDES.length] ?? 'emit');
      for (const side of order) {
        const rate = await bench.run(side, clients);
        say(`round ${round}: ${side}, ${clients} clients: ${Math.round(rate)}/s`);
        if (round > 0) tps.set(`${side}${clients}`, [...(tps.get(`${side}${clients}`) ?? []), rate]);
      }
    }
  }
  await bench.close();
  return resultOf(tps);
}

function resultOf(tps: ReadonlyMap<string, number[]>): BenchResult {
  const of = (side: Side, clients: number): number[] => tps.get(`${side}${clients}`) ?? [];
  const ratioTo = (reference: Side, side: Side, clients: number): number =>
    rounded(median(of(side, clients).map((rate, index) => rate / (of(reference, clients)[index] ?? NaN))));
  const clientDetails = CLIENTS.map((clients): [string, object] => [
    `clients${clients}`,
    {
      transactionsPerSecond: Object.fromEntries(
        ALL_SIDES.map((side) => [side, Math.round(median(of(side, clients)))]),
      ),
      emitToInsert: ratioTo('insert', 'emit', clients),
      naiveToInsert: ratioTo('insert', 'naive', clients),
      emitToUnrelayed: ratioTo('unrelayed', 'emit', clients),
    },
  ]);
  const details: Record<string, unknown> = Object.fromEntries(clientDetails);
  const ratio = ratioTo('insert', 'emit', 32);
  return {
    case: 'writer-cost',
    unit: 'transactions/s',
    value: Math.round(median(of('emit', 32))),
    reference: Math.round(median(of('insert', 32))),
    ratio,
    target: TARGET_RATIO,
    met: ratio >= TARGET_RATIO,
    details: { seconds: SECONDS, ...details },
  };
}

class Bench {
  readonly #stack: Stack;
  readonly #client: pg.Client;
  readonly #listener: pg.Client;
  readonly #relay: RelayChild;

  private constructor(
    stack: Stack,
    connections: { client: pg.Client; listener: pg.Client },
    relay: RelayChild,
  ) {
    this.#stack = stack;
    this.#client = connections.client;
    this.#listener = connections.listener;
    this.#relay = relay;
  }

  static async open(stack: Stack): Promise<Bench> {
    const databaseUrl = stack.postgres.url('writers');
    await migrate({ databaseUrl, roles: ['outbox'] });
    const [client, listener] = [new pg.Client(databaseUrl), new pg.Client(databaseUrl)];
    await Promise.all([client.connect(), listener.connect()]);
    await client.query('create table unrelayed (like banyan.outbox including all)');
    await listener.query('listen naive_outbox');
    for (const [side, script] of Object.entries(SIDES)) {
      await writeFile(join(stack.dir, `${side}.sql`), `\\set id random(1, 1000)\n${script}\n`);
    }
    const relay = await RelayChild.start('banyan', {
      source: 'writers',
      databaseUrl,
      natsUrl: stack.urls.nats,
    });
    return new Bench(stack, { client, listener }, relay);
  }

  /** Transactions a second. Ends when the relay has caught up, so that no side works for another. */
  async run(side: Side, clients: number): Promise<number> {
    const rate = await pgbench([
      ...['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(SECONDS)],
      ...['-f', join(this.#stack.dir, `${side}.sql`), this.#stack.postgres.url('writers')],
    ]);
    const { rows } = await this.#client.query<{ n: string }>('select count(*) as n from banyan.outbox');
    await untilAcked(this.#client, Number(rows[0]?.n));
    await this.#client.query('checkpoint');
    return rate;
  }

  async close(): Promise<void> {
    await this.#relay.stop();
    await Promise.all([this.#client.end(), this.#listener.end()]);
  }
}

async function pgbench(args: readonly string[]): Promise<number> {
  const child = spawn('pgbench', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close').catch((cause: unknown) => {
    throw new Error('writer-cost needs pgbench on the PATH (Debian: postgresql-contrib)', { cause });
  });
  const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1]);
  if (!(tps > 0)) throw new Error(`pgbench measured nothing: ${output}`);
  return tps;
}
