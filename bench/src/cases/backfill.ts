import {
  backfillSubjectOf,
  defineEvent,
  type BackfillAnswer,
  type BackfillReport,
  type BackfillTask,
} from '@banyan/contracts';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { Backfiller, snapshots } from '@banyan/outbox';
import { wait } from '@banyan/runtime';
import { replica, rowFrom, subscriber } from '@banyan/subscriber';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { RelayChild } from '../relay-process.js';
import { rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const SOURCE = 'grove';
const NAME_BYTES = 100;
/** Rows of the reference: enough to tell, and not too many to roll back. */
const REFERENCE_ROWS = 50_000;
/** A backfill is no race: short transactions among writers may cost half of the speed. */
const TARGET_RATIO = 0.3;

interface Project {
  id: string;
  version: number;
  name: string;
}

const snapshot = defineEvent<Project>({
  source: SOURCE,
  aggregate: 'project',
  type: 'ProjectSnapshot',
  codec: {
    encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
    decode: (input) => JSON.parse(Buffer.from(input).toString()) as Project,
  },
  key: ({ id }) => id,
  version: ({ version }) => version,
});

const TABLE = 'id bigint primary key, version bigint not null, name text not null';
const READ = 'select id::text, version::integer, name from project where id = any ($1)';

const REFERENCE = `
select count(banyan.emit('project', id::text, 'ProjectSnapshot',
  convert_to(json_build_object('id', id::text, 'version', version, 'name', name)::text, 'UTF8'), version))
from (select * from project order by id limit ${REFERENCE_ROWS}) project`;

/** A backfill of a whole table, from the request until the replica has it. */
export const backfillCase: BenchCase = {
  name: 'backfill',
  about: 'sends --rows rows of a table into a replica; reference: one statement that emits them',
  run: async (options) => {
    const stack = await startStack({ databases: ['source', 'reader'], log: options.say });
    const nats = await connect({ servers: stack.urls.nats });
    try {
      await prepare(stack, options.rows);
      return await measure(stack, nats, options);
    } finally {
      await nats.close();
      await stack.stop();
    }
  },
};

async function prepare({ urls: { postgres } }: Stack, rows: number): Promise<void> {
  await migrate({ databaseUrl: postgres['source'] ?? '', roles: ['outbox'] });
  await migrate({ databaseUrl: postgres['reader'] ?? '', roles: ['subscriber'] });
  await query(postgres['reader'], `create table project_replica (${TABLE})`);
  await query(postgres['source'], `create table project (${TABLE})`);
  const name = `rpad('project ' || i, ${NAME_BYTES}, 'x')`;
  await query(
    postgres['source'],
    `insert into project select i, 1, ${name} from generate_series(1, ${rows}) i`,
  );
  await query(postgres['source'], 'vacuum analyze project');
}

async function measure(stack: Stack, nats: NatsConnection, options: BenchOptions): Promise<BenchResult> {
  const databaseUrl = stack.urls.postgres['source'] ?? '';
  const reference = await emitAtOnce(databaseUrl);
  const relay = await RelayChild.start('banyan', { source: SOURCE, databaseUrl, natsUrl: stack.urls.nats });
  const running = [startBackfiller(stack, nats), startReader(stack, nats)];
  try {
    const timed = await time(nats, running[1]?.applied ?? (() => 0), options);
    const outboxBytes = Number(
      (
        await query(
          databaseUrl,
          `select sum(pg_total_relation_size(inhrelid)) as n from pg_inherits
        where inhparent = 'banyan.outbox'::regclass`,
        )
      )[0]?.['n'],
    );
    return resultOf(timed, { reference, outboxBytes, options });
  } finally {
    for (const each of running) await each.stop();
    await relay.stop();
  }
}

interface Timed {
  emittedMs: number;
  appliedMs: number;
}

function resultOf(
  { emittedMs, appliedMs }: Timed,
  { reference, outboxBytes, options }: { reference: number; outboxBytes: number; options: BenchOptions },
): BenchResult {
  const { rows } = options;
  const value = Math.round((rows / emittedMs) * 1000);
  const ratio = rounded(value / reference);
  return {
    case: 'backfill',
    unit: 'rows/s',
    value,
    reference: Math.round(reference),
    ratio,
    target: TARGET_RATIO,
    met: ratio >= TARGET_RATIO,
    details: {
      rows,
      secondsUntilEmitted: rounded(emittedMs / 1000),
      secondsUntilApplied: rounded(appliedMs / 1000),
      rowsPerSecondUntilApplied: Math.round((rows / appliedMs) * 1000),
      outboxBytesPerRow: Math.round(outboxBytes / rows),
    },
  };
}

async function time(
  nats: NatsConnection,
  applied: () => number,
  { rows, say }: BenchOptions,
): Promise<Timed> {
  const startMs = performance.now();
  let report = await ask(nats, { do: 'start', aggregate: 'project', by: 'bench', rowsPerSecond: 1_000_000 });
  for (let looks = 0; report.state === 'running'; looks++) {
    await wait(250);
    report = await ask(nats, { do: 'status', aggregate: 'project', by: 'bench' });
    if (looks % 20 === 0) say(`emitted ${report.emitted}, applied ${applied()} ${report.slowedBy ?? ''}`);
  }
  if (report.state !== 'done') throw new Error(`the backfill ${report.state}: ${report.lastError ?? ''}`);
  const emittedMs = performance.now() - startMs;
  while (applied() < rows) await wait(50);
  return { emittedMs, appliedMs: performance.now() - startMs };
}

async function ask(nats: NatsConnection, task: BackfillTask): Promise<BackfillReport> {
  const reply = await nats.request(backfillSubjectOf(SOURCE), JSON.stringify(task), { timeout: 10_000 });
  const answer = reply.json<BackfillAnswer>();
  if ('error' in answer) throw new Error(answer.error.message);
  return answer.result;
}

interface Part {
  applied: () => number;
  stop: () => Promise<void>;
}

function startBackfiller({ urls }: Stack, nats: NatsConnection): Part {
  const projects = snapshots({
    event: snapshot,
    table: 'project',
    key: 'id',
    load: async (tx, keys) => (await tx.query<Project>(READ, [...keys])).rows,
  });
  const databaseUrl = urls.postgres['source'] ?? '';
  const made = new Backfiller({ source: SOURCE, databaseUrl, nats, snapshots: [projects] });
  made.start();
  return { applied: () => 0, stop: () => made.stop() };
}

function startReader({ urls }: Stack, nats: NatsConnection): Part {
  const made = subscriber({
    name: 'bench',
    sources: [SOURCE],
    databaseUrl: urls.postgres['reader'] ?? '',
    nats,
    batchEvents: 1000,
    handlers: [
      replica({
        table: 'project_replica',
        key: 'id',
        columns: ['id', 'version', 'name'],
        version: 'version',
        mappings: [rowFrom(snapshot, ({ id, version, name }) => ({ id: Number(id), version, name }))],
      }),
    ],
  });
  made.start();
  return { applied: () => made.status.applied, stop: () => made.stop() };
}

/** Rows a second, when one statement emits them in one long transaction; it is rolled back. */
async function emitAtOnce(databaseUrl: string): Promise<number> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('begin');
  const startMs = performance.now();
  await client.query(REFERENCE);
  const rate = (REFERENCE_ROWS / (performance.now() - startMs)) * 1000;
  await client.query('rollback');
  await client.end();
  return rate;
}

async function query(databaseUrl: string | undefined, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(sql);
  await client.end();
  return rows;
}
