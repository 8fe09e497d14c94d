import pg from 'pg';
import { streamOf, subjectsOf } from '@banyan/contracts';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { wait } from '@banyan/runtime';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { PEER_TABLE } from '../peers/row-by-row.js';
import { RelayChild, untilAcked } from '../relay-process.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';

const EVENTS = 50_000;
/** Fewer for the slow side: a rate needs no more. */
const PEER_EVENTS = 5000;
/** P1 of the design. */
const TARGET_RATIO = 10;

const FILL = `
select count(banyan.emit('project', 'p' || i % 1000, 'ProjectRenamed', decode(repeat('ab', 256), 'hex'), i))
from generate_series(1, ${EVENTS}) i`;
const FILL_PEER = `
insert into peer_outbox (event_id, subject, payload)
select gen_random_uuid(), 'evt.peer.project.ProjectRenamed.07', decode(repeat('ab', 256), 'hex')
from generate_series(1, ${PEER_EVENTS})`;

/** P1: the relay against one that goes row by row, each in a process of its own. */
export const peersCase: BenchCase = {
  name: 'peers',
  about: `drains ${EVENTS} events; reference: a row-by-row relay (FOR UPDATE SKIP LOCKED, awaited publishes)`,
  run: async (options) => {
    const databases = Array.from({ length: options.rounds }, (_, round) => `round${round}`);
    const stack = await startStack({ databases, log: options.say });
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
  for (let round = 0; round < rounds; round++) {
    const client = new pg.Client(stack.postgres.url(`round${round}`));
    await client.connect();
    const drain = new Drain(stack, client, `round${round}`);
    await manager.streams.add({ name: streamOf('peer'), subjects: [subjectsOf('peer')] });
    peers.push(await drain.peer());
    ours.push(await drain.banyan());
    await manager.streams.delete(streamOf('peer'));
    await client.end();
    say(`round ${round}: row by row ${peers.at(-1) ?? '?'}/s, relay ${ours.at(-1) ?? '?'}/s`);
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
    details: { rounds, events: EVENTS, peerEvents: PEER_EVENTS, payloadBytes: 256 },
  };
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
    return this.#rate('row-by-row', PEER_EVENTS, async () => {
      while ((await this.#remaining()) > 0) await wait(20);
    });
  }

  async banyan(): Promise<number> {
    await migrate({ databaseUrl: this.#config.databaseUrl, roles: ['outbox'] });
    await this.#client.query(FILL);
    await this.#client.query('analyze banyan.outbox');
    return this.#rate('banyan', EVENTS, () => untilAcked(this.#client, EVENTS));
  }

  /** From the process's start, so that both sides pay for theirs. */
  async #rate(kind: 'banyan' | 'row-by-row', events: number, done: () => Promise<void>): Promise<number> {
    const relay = await RelayChild.start(kind, { ...this.#config, noteAckedIntervalMs: 10 });
    const startMs = performance.now();
    await done();
    const rate = Math.round((events / (performance.now() - startMs)) * 1000);
    await relay.stop();
    return rate;
  }

  async #remaining(): Promise<number> {
    const { rows } = await this.#client.query<{ n: string }>('select count(*) as n from peer_outbox');
    return Number(rows[0]?.n);
  }
}
