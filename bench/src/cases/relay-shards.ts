import pg from 'pg';
import { shardsOf, streamOf } from '@banyan/contracts';
import type { Stack } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import type { JetStreamManager } from '@nats-io/jetstream';
import { RelayChild } from '../relay-process.js';
import { median, rounded } from '../result.js';

/** How many events a second leave a source, by the number of its shards, each with a relay process of its own. */
export interface ShardRates {
  shards: number;
  eventsPerSecond: number;
  oneShardEventsPerSecond: number;
  /** The median of the rounds' own ratios. */
  ratio: number;
}

export interface ShardDrainOptions {
  stack: Stack;
  manager: JetStreamManager;
  /** SQL that fills the outbox with so many events. */
  fill: string;
  events: number;
}

/** Drains one backlog by one shard and by several, in turn; each round has copies of the filled databases. */
export class ShardDrain {
  readonly #options: ShardDrainOptions;

  constructor(options: ShardDrainOptions) {
    this.#options = options;
  }

  async measure(shards: number, rounds: number): Promise<ShardRates> {
    for (const count of [1, shards]) await this.#fill(count);
    const one: number[] = [];
    const several: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const [reference, value] = [await this.#drain(1, round), await this.#drain(shards, round)];
      // The first warms up.
      if (round === 0) continue;
      one.push(reference);
      several.push(value);
    }
    return {
      shards,
      eventsPerSecond: Math.round(median(several)),
      oneShardEventsPerSecond: Math.round(median(one)),
      ratio: rounded(median(several.map((value, index) => value / (one[index] ?? NaN)))),
    };
  }

  async #fill(shards: number): Promise<void> {
    const { stack, fill } = this.#options;
    await this.#admin(`create database filled_${shards}`);
    const databaseUrl = stack.postgres.url(`filled_${shards}`);
    await migrate({ databaseUrl, roles: ['outbox'], shards });
    const client = await connected(databaseUrl);
    for (const statement of [`select banyan.set_shards(${shards})`, fill, 'vacuum analyze', 'checkpoint']) {
      await client.query(statement);
    }
    await client.end();
  }

  async #drain(shards: number, round: number): Promise<number> {
    const { stack, manager, events } = this.#options;
    const source = `of${shards}-r${round}`;
    const database = `of${shards}_r${round}`;
    await this.#admin(`create database ${database} template filled_${shards}`);
    const databaseUrl = stack.postgres.url(database);
    const client = await connected(databaseUrl);
    const config = { source, databaseUrl, natsUrl: stack.urls.nats, shards, noteAckedIntervalMs: 10 };
    const startMs = performance.now();
    const relays = await Promise.all(
      Array.from({ length: shards }, (_, shard) => RelayChild.start('banyan', { ...config, shard })),
    );
    const acked = ackedBy(shards);
    while (Number((await client.query<{ n: string }>(acked)).rows[0]?.n) < events) continue;
    const rate = (events / (performance.now() - startMs)) * 1000;
    await Promise.all(relays.map((relay) => relay.stop()));
    await client.end();
    for (const name of shardsOf(source, shards)) await manager.streams.delete(streamOf(name));
    await this.#admin(`drop database ${database} with (force)`);
    return rate;
  }

  async #admin(statement: string): Promise<void> {
    const client = await connected(this.#options.stack.postgres.url('admin'));
    await client.query(statement);
    await client.end();
  }
}

/** The positions that the streams of all shards have acknowledged; asks 50 times a second. */
function ackedBy(shards: number): string {
  const schemas = Array.from({ length: shards }, (_, shard) => (shard === 0 ? 'banyan' : `banyan_${shard}`));
  const each = schemas.map((schema) => `select acked_n from ${schema}.source`).join(' union all ');
  return `select sum(acked_n) as n from (${each}) acked, pg_sleep(0.02)`;
}

async function connected(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  return client;
}
