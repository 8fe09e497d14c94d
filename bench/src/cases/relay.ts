import pg from 'pg';
import { streamOf, subjectsOf } from '@banyan/contracts';
import { startStack, type Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { SourceRelay } from '@banyan/relay';
import { wait } from '@banyan/runtime';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { publishRaw } from '../raw-publisher.js';
import { median, rounded, type BenchCase, type BenchOptions, type BenchResult } from '../result.js';
import { ShardDrain } from './relay-shards.js';

const EVENTS = 200_000;
const PAYLOAD_BYTES = 256;
/** P1 of the design. */
const TARGET_RATIO = 0.6;

const FILL = `
select count(banyan.emit('project', 'p' || i % 1000, 'ProjectRenamed', decode(repeat('ab', ${PAYLOAD_BYTES}), 'hex'), i))
from generate_series(1, ${EVENTS}) i`;

/** P1: how fast a backlog goes from the outbox into the stream, against raw pipelined publishing on the same server. */
export const relayCase: BenchCase = {
  name: 'relay',
  about: `drains ${EVENTS} events of ${PAYLOAD_BYTES} bytes; reference: raw pipelined publishing`,
  run: async (options) => {
    const stack = await startStack({ databases: ['filled', 'admin'], log: options.say });
    const nats = await connect({ servers: stack.urls.nats });
    try {
      const manager = await jetstreamManager(nats);
      const result = await measure(new Drain(stack, nats, manager), options);
      if (options.shards === 1) return result;
      const drain = new ShardDrain({ stack, manager, fill: FILL, events: EVENTS });
      const shards = await drain.measure(options.shards, options.rounds);
      options.say(
        `${options.shards} shards: ${shards.eventsPerSecond}/s; one: ${shards.oneShardEventsPerSecond}/s`,
      );
      return { ...result, details: { ...result.details, shards } };
    } finally {
      await nats.close();
      await stack.stop();
    }
  },
};

async function measure(drain: Drain, { rounds, say }: BenchOptions): Promise<BenchResult> {
  await drain.fill();
  const raw: number[] = [];
  const relayed: number[] = [];
  // The first round warms up both sides and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const [reference, value] = [await drain.raw(round), await drain.relay(round)];
    say(`round ${round}: raw ${Math.round(reference)}/s, relay ${Math.round(value)}/s`);
    if (round === 0) continue;
    raw.push(reference);
    relayed.push(value);
  }
  const ratio = rounded(median(relayed.map((value, index) => value / (raw[index] ?? NaN))));
  return {
    case: 'relay',
    unit: 'events/s',
    value: Math.round(median(relayed)),
    reference: Math.round(median(raw)),
    ratio,
    target: TARGET_RATIO,
    met: ratio >= TARGET_RATIO,
    details: { events: EVENTS, payloadBytes: PAYLOAD_BYTES, rounds, nats: drain.serverVersion },
  };
}

/** One backlog, drained again and again: each round has a copy of the filled database and a stream of its own. */
class Drain {
  readonly #stack: Stack;
  readonly #nats: NatsConnection;
  readonly #manager: JetStreamManager;

  constructor(stack: Stack, nats: NatsConnection, manager: JetStreamManager) {
    this.#stack = stack;
    this.#nats = nats;
    this.#manager = manager;
  }

  get serverVersion(): string {
    return this.#nats.info?.version ?? 'unknown';
  }

  async fill(): Promise<void> {
    const databaseUrl = this.#stack.postgres.url('filled');
    await migrate({ databaseUrl, roles: ['outbox'] });
    await this.#query(databaseUrl, [FILL, 'vacuum analyze banyan.outbox', 'checkpoint']);
  }

  async raw(round: number): Promise<number> {
    const source = `raw${round}`;
    await this.#manager.streams.add({ name: streamOf(source), subjects: [subjectsOf(source)] });
    const rate = await publishRaw(this.#nats, source, EVENTS, PAYLOAD_BYTES);
    await this.#manager.streams.delete(streamOf(source));
    return rate;
  }

  async relay(round: number): Promise<number> {
    const source = `relay${round}`;
    const admin = this.#stack.postgres.url('admin');
    await this.#query(admin, [`create database ${source} template filled`]);
    const databaseUrl = this.#stack.postgres.url(source);
    const relay = new SourceRelay({ source, databaseUrl, natsUrl: this.#stack.urls.nats });
    const startMs = performance.now();
    relay.start();
    while (relay.status.ackedN !== EVENTS) await wait(5);
    const rate = (EVENTS / (performance.now() - startMs)) * 1000;
    await relay.stop();
    await this.#manager.streams.delete(streamOf(source));
    await this.#query(admin, [`drop database ${source}`]);
    return rate;
  }

  async #query(databaseUrl: string, statements: readonly string[]): Promise<void> {
    const client = new pg.Client(databaseUrl);
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  }
}
