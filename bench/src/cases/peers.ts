import pg from 'pg';
import { streamOf, subjectsOf } from '@banyan/contracts';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { wait } from '@banyan/runtime';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { SourceRelayConfig } from '@banyan/relay';
import { PEER_TABLE } from '../peers/row-by-row.js';
import {
  fillTransactionalOutbox,
  REMAINING,
  type TransactionalOutboxKind,
} from '../peers/transactional-outbox.js';
import { RelayChild, untilAcked, type RelayKind } from '../relay-process.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const EVENTS = 50_000;
/** Fewer for the slow sides: a rate needs no more. */
const PEER_EVENTS = 5000;
const LIBRARY_EVENTS = 2000;
/** P1 of the design. */
const TARGET_RATIO = 10;

const FILL = `
select count(banyan.emit('project', 'p' || i % 1000, 'ProjectRenamed', decode(repeat('ab', 256), 'hex'), i))
from generate_series(1, ${EVENTS}) i`;
const FILL_PEER = `
insert into peer_outbox (event_id, subject, payload)
select gen_random_uuid(), 'evt.peer.project.ProjectRenamed.07', decode(repeat('ab', 256), 'hex')
from generate_series(1, ${PEER_EVENTS})`;

const LIBRARY: readonly TransactionalOutboxKind[] = ['outbox-polling', 'outbox-replication'];

/**
 * P1: the relay against one that goes row by row, each in a process of its own. Beside them, for comparison only, the npm
 * package `pg-transactional-outbox` with either of its listeners.
 */
export const peersCase: BenchCase = {
  name: 'peers',
  about: `drains ${EVENTS} events; reference: a row-by-row relay (FOR UPDATE SKIP LOCKED, awaited publishes); beside it pg-transactional-outbox`,
  run: async (options) => {
    // What the library's replication listener needs.
    const postgresSettings = { wal_level: 'logical' };
    const databases = Array.from({ length: options.rounds }, (_, round) => `round${round}`);
    const names = databases.flatMap((name) => [name, ...LIBRARY.map((kind) => libraryDatabase(name, kind))]);
    const stack = await startStack({ databases: names, postgresSettings, log: options.say });
    const nats = await connect({ servers: stack.urls.nats });
    try {
      return await measure(stack, await jetstreamManager(nats), options);
    } finally {
      await nats.close();
      await stack.stop();
    }
  },
};

async function measure(
  stack: Stack,
  manager: JetStreamManager,
  { rounds, say }: BenchOptions,
): Promise<BenchResult> {
  const [ours, peers]: [number[], number[]] = [[], []];
  const library: Record<TransactionalOutboxKind, number[]> = {
    'outbox-polling': [],
    'outbox-replication': [],
  };
  for (let round = 0; round < rounds; round++) {
    const client = new pg.Client(stack.postgres.url(`round${round}`));
    await client.connect();
    const drain = new Drain(stack, client, `round${round}`);
    await manager.streams.add({ name: streamOf('peer'), subjects: [subjectsOf('peer')] });
    peers.push(await drain.peer());
    for (const kind of LIBRARY) library[kind].push(await drainLibrary(stack, `round${round}`, kind));
    ours.push(await drain.banyan());
    await manager.streams.delete(streamOf('peer'));
    await client.end();
    const others = LIBRARY.map((kind) => `${kind} ${library[kind].at(-1) ?? '?'}/s`).join(', ');
    say(`round ${round}: row by row ${peers.at(-1) ?? '?'}/s, ${others}, relay ${ours.at(-1) ?? '?'}/s`);
  }
  const ratio = rounded(median(ours.map((rate, index) => rate / (peers[index] ?? NaN))));
  return {
    case: 'peers',
    unit: 'events/s',
    value: median(ours),
    reference: median(peers),
    ratio,
    target: TARGET_RATIO,
    met: ratio >= TARGET_RATIO,
    details: {
      ...{
        rounds,
        events: EVENTS,
        peerEvents: PEER_EVENTS,
        payloadBytes: 256,
        libraryEvents: LIBRARY_EVENTS,
      },
      'pg-transactional-outbox': Object.fromEntries(
        LIBRARY.map((kind) => [kind, compared(ours, library[kind])]),
      ),
    },
  };
}

/** How fast the library is, and how many times faster the relay was. */
function compared(ours: readonly number[], theirs: readonly number[]): { rate: number; ratio: number } {
  const ratios = ours.map((rate, index) => rate / (theirs[index] ?? NaN));
  return { rate: median(theirs), ratio: rounded(median(ratios)) };
}

const libraryDatabase = (name: string, kind: TransactionalOutboxKind): string =>
  `${name}_${kind.replace('-', '_')}`;

/** The library's listener over a table of its own, in a database of its own. Events/s, from the process's start. */
async function drainLibrary(stack: Stack, name: string, kind: TransactionalOutboxKind): Promise<number> {
  const database = libraryDatabase(name, kind);
  const databaseUrl = stack.postgres.url(database);
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await fillTransactionalOutbox(client, { kind, database, events: LIBRARY_EVENTS });
    const config = { source: 'peer', databaseUrl, natsUrl: stack.urls.nats };
    return await rateOf(kind, { config, events: LIBRARY_EVENTS }, () => untilNone(client, REMAINING));
  } finally {
    await client.end();
  }
}

async function untilNone(client: pg.Client, count: string): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ n: string }>(count);
    if (Number(rows[0]?.n) === 0) return;
    await wait(20);
  }
}

interface Drained {
  config: SourceRelayConfig;
  events: number;
}

/** From the process's start, so that all sides pay for theirs. */
async function rateOf(
  kind: RelayKind,
  { config, events }: Drained,
  done: () => Promise<void>,
): Promise<number> {
  const relay = await RelayChild.start(kind, config);
  const startMs = performance.now();
  await done();
  const rate = Math.round((events / (performance.now() - startMs)) * 1000);
  await relay.stop();
  return rate;
}

class Drain {
  readonly #client: pg.Client;
  readonly #config: { source: string; databaseUrl: string; natsUrl: string };

  constructor(stack: Stack, client: pg.Client, name: string) {
    this.#client = client;
    this.#config = { source: name, databaseUrl: stack.postgres.url(name), natsUrl: stack.urls.nats };
  }

  async peer(): Promise<number> {
    await this.#client.query(PEER_TABLE);
    await this.#client.query(FILL_PEER);
    return rateOf('row-by-row', { config: this.#config, events: PEER_EVENTS }, () =>
      untilNone(this.#client, 'select count(*) as n from peer_outbox'),
    );
  }

  async banyan(): Promise<number> {
    await migrate({ databaseUrl: this.#config.databaseUrl, roles: ['outbox'] });
    await this.#client.query(FILL);
    await this.#client.query('analyze banyan.outbox');
    const config = { ...this.#config, noteAckedIntervalMs: 10 };
    return rateOf('banyan', { config, events: EVENTS }, () => untilAcked(this.#client, EVENTS));
  }
}
