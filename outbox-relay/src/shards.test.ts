import { rangeSubjectOf, shardOfPartition, shardsOf, streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditStream, isBalanced, type AuditReport } from './audit.js';
import { newEpoch } from './history/new-epoch.js';
import { Relay } from './relay.js';
import { findShard } from './shard.js';
import type { ShardedSourceConfig } from './sharded-source.js';

const SHARDS = 4;
const SCHEMAS = ['banyan', 'banyan_1', 'banyan_2', 'banyan_3'];
const PATIENT = { timeout: 60_000, interval: 20 };
const QUICK = {
  ...{ retryFirstDelayMs: 20, retryMaxDelayMs: 100, standbyIntervalMs: 20, noteAckedIntervalMs: 20 },
  // Nobody is taken for frozen when all of this process is.
  leaderSilenceMs: 60_000,
};

let database: TestDatabase;
let nats: TestNats;
let source: string;
let names: string[];
let relays: Relay[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  source = uniqueName('projects');
  names = shardsOf(source, SHARDS);
  relays = [];
  await migrate({ databaseUrl: database.url, roles: ['outbox'], shards: SHARDS });
  await database.pool.query('select banyan.set_shards($1)', [SHARDS]);
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  const manager = await jetstreamManager(nats.connection);
  for (const name of names) await manager.streams.delete(streamOf(name)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(config: Partial<ShardedSourceConfig> = {}): Relay {
  const relay = new Relay([
    { source, shards: SHARDS, databaseUrl: database.url, natsUrl: nats.url, ...QUICK, ...config },
  ]);
  relays.push(relay);
  relay.start();
  return relay;
}

/** Committed events of each shard. */
async function committed(): Promise<number[]> {
  const counts = SCHEMAS.map((schema) => `(select count(*)::int from ${schema}.outbox)`).join(', ');
  const { rows } = await database.pool.query<{ counts: number[] }>(`select array[${counts}] as counts`);
  return rows[0]!.counts;
}

async function messages(): Promise<number[]> {
  const manager = await jetstreamManager(nats.connection);
  const infos = names.map((name) => manager.streams.info(streamOf(name)).catch(() => undefined));
  return (await Promise.all(infos)).map((info) => info?.state.messages ?? 0);
}

const allPublished = (): Promise<void> =>
  vi.waitFor(async () => expect(await messages()).toEqual(await committed()), PATIENT);

const audits = async (): Promise<AuditReport[]> => {
  const reports: AuditReport[] = [];
  for (const name of names) reports.push(await auditStream(database.pool, nats.connection, name));
  return reports;
};

async function emitTo(shard: number, count: number): Promise<void> {
  await database.pool.query(
    `select banyan.emit('project', key, 'ProjectRenamed', 'x') from (
       select 'k' || i as key from generate_series(1, 500) i
       where banyan.partition_of('project', 'k' || i) % ${SHARDS} = $1 limit $2) keys`,
    [shard, count],
  );
}

describe('a source with four shards', () => {
  it('publishes each event of many writers once, each key in one stream and in order', async () => {
    startRelay();
    const [writers, transactions, batch] = [8, 250, 10];
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const client = new pg.Client(database.url);
        await client.connect();
        for (let i = 0; i < transactions; i++) {
          const keys = Array.from({ length: batch }, (_, j) => `k${(writer * 61 + i * 17 + j * 50) % 500}`);
          await client.query(
            `with locked as materialized (
               select key, banyan.lock_key('project', key) from (select unnest($1::text[]) as key order by 1) sorted
             )
             select banyan.emit('project', key, 'ProjectRenamed', 'x') from locked`,
            [keys],
          );
        }
        await client.end();
      }),
    );
    await allPublished();
    const reports = await audits();
    for (const report of reports) expect(isBalanced(report), JSON.stringify(report)).toBe(true);
    expect(reports.reduce((sum, report) => sum + report.messages, 0)).toBe(writers * transactions * batch);
    expect(await keysInSeveralStreams()).toEqual([]);
  });

  it('publishes what triggers emit, of captured tables and of Debezium’s', async () => {
    startRelay();
    await database.pool.query(`
      create table invoice (id text primary key);
      create table outbox_event (id uuid, aggregatetype text, aggregateid text, type text, payload text);
      select banyan.capture_enable('invoice'); select banyan.adopt_debezium_outbox('outbox_event');
      insert into invoice select 'i' || i from generate_series(1, 40) i;
      insert into outbox_event select gen_random_uuid(), 'order', 'o' || i, 'OrderPlaced', '{}' from generate_series(1, 40) i`);
    const counts = await committed();
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(80);
    await allPublished();
    expect(await keysInSeveralStreams()).toEqual([]);
  });

  it('goes on in its other shards while one has no leader, and catches up when it has', async () => {
    startRelay({ onlyShards: '0,2,3' });
    const one = startRelay({ onlyShards: 1 });
    for (let shard = 0; shard < SHARDS; shard++) await emitTo(shard, 5);
    await allPublished();
    await one.stop();
    for (let shard = 0; shard < SHARDS; shard++) await emitTo(shard, 5);
    await vi.waitFor(async () => expect(await messages()).toEqual([10, 5, 10, 10]), PATIENT);
    startRelay({ onlyShards: [1] });
    await allPublished();
    expect((await audits()).every(isBalanced)).toBe(true);
  });

  it('has another leader for a shard whose leader lost its database, and the same for the others', async () => {
    const [first, second] = [startRelay(), startRelay()];
    const led = (relay: Relay) => relay.status.filter(({ state }) => state === 'leading').length;
    await vi.waitFor(() => expect(led(first) + led(second)).toBe(SHARDS), PATIENT);
    const before = await leaders();
    await database.pool.query('select pg_terminate_backend($1)', [before.get(names[2]!)]);
    await vi.waitFor(async () => {
      expect((await leaders()).size).toBe(SHARDS);
      expect((await leaders()).get(names[2]!)).not.toBe(before.get(names[2]!));
    }, PATIENT);
    for (const name of [names[0]!, names[1]!, names[3]!]) {
      expect((await leaders()).get(name)).toBe(before.get(name));
    }
    // Who lost it was asleep perhaps, and notices at its next look.
    await vi.waitFor(() => {
      const failures = [...first.status, ...second.status].filter((status) => status.failures > 0);
      expect(failures.map((status) => status.source)).toEqual([names[2]]);
    }, PATIENT);
  });

  it('wakes only the relay of the shard that an event is for', async () => {
    const heard: string[] = [];
    const listener = new pg.Client(database.url);
    await listener.connect();
    listener.on('notification', ({ channel }) => heard.push(channel));
    for (const schema of SCHEMAS) {
      await listener.query(`listen "${schema}.outbox"`);
      await listener.query(`select setval('${schema}.relay_asleep', 2)`);
    }
    await emitTo(3, 1);
    await emitTo(0, 1);
    await vi.waitFor(() => expect(heard).toEqual(['banyan_3.outbox', 'banyan.outbox']), PATIENT);
    await listener.end();
  });

  it('hears, in each shard’s relay, that it is woken', async () => {
    const relay = startRelay({ pollIntervalMs: 1000, idleBeforeSleepMs: 0 });
    await vi.waitFor(
      () => expect(relay.status.every(({ state }) => state === 'leading')).toBe(true),
      PATIENT,
    );
    const tookMs: number[] = [];
    for (const [round, shard] of [3, 1, 2, 0, 3, 2].entries()) {
      await vi.waitFor(async () => expect(await isAsleep(shard)).toBe(true), PATIENT);
      const startMs = performance.now();
      await emitTo(shard, 1);
      await vi.waitFor(async () => {
        expect((await messages()).reduce((sum, count) => sum + count, 0)).toBe(round + 1);
      }, PATIENT);
      tookMs.push(performance.now() - startMs);
    }
    // By polling alone each would wait for nearly a second: it comes when the relay has just fallen asleep.
    expect(tookMs.sort((a, b) => a - b)[2]).toBeLessThan(800);
  });

  it('empties the outbox of each shard', async () => {
    startRelay({ retentionMs: 0, retentionFloorMs: 0, retentionCheckMs: 50 });
    for (let shard = 0; shard < SHARDS; shard++) await emitTo(shard, 5);
    await vi.waitFor(async () => expect(await committed()).toEqual([0, 0, 0, 0]), PATIENT);
    expect(await messages()).toEqual([5, 5, 5, 5]);
  });

  it('serves ranges of each shard under its own name', async () => {
    startRelay();
    await emitTo(1, 3);
    await allPublished();
    const request = JSON.stringify({ epoch: 1, fromN: 2, toN: 2 });
    const answer = await nats.connection.request(rangeSubjectOf(names[1]!), request, { timeout: 20_000 });
    expect(answer.headers?.get('Banyan-Position')).toBe('1.2');
    expect(answer.headers?.get('Banyan-Subject')).toContain(`evt.${source}-1.`);
  });

  it('begins a new epoch in one shard and leaves the others alone', async () => {
    const relay = startRelay();
    for (let shard = 0; shard < SHARDS; shard++) await emitTo(shard, 2);
    await allPublished();
    await relay.stop();
    const [shard1] = [names[1]!];
    const natsUrl = nats.url;
    await newEpoch({ source: shard1, databaseUrl: database.url, natsUrl, reason: 'a drill' });
    const epochs = SCHEMAS.map((schema) => `(select epoch from ${schema}.source)`).join(', ');
    expect((await database.pool.query(`select array[${epochs}] as epochs`)).rows).toEqual([
      { epochs: [1, 2, 1, 1] },
    ]);
    startRelay();
    for (let shard = 0; shard < SHARDS; shard++) await emitTo(shard, 1);
    await allPublished();
    expect((await audits()).every(isBalanced)).toBe(true);
  });
});

describe('a relay that was told another number of shards than the database has', () => {
  it('refuses to start, and says which number to give', async () => {
    const relay = startRelay({ shards: 2 });
    await vi.waitFor(() => {
      const [status] = relay.status;
      expect(status?.because).toContain('BANYAN_SHARDS_DIFFER');
      expect(status?.because).toContain('has 4 shards, this relay was told 2');
    }, PATIENT);
  });

  it('refuses as a stand-by too, though another relay leads', async () => {
    const leader = startRelay();
    await vi.waitFor(
      () => expect(leader.status.every(({ state }) => state === 'leading')).toBe(true),
      PATIENT,
    );
    const standby = startRelay({ shards: 2 });
    await vi.waitFor(() => {
      for (const status of standby.status) expect(status).toMatchObject({ state: 'refusing' });
    }, PATIENT);
  });

  it('stops leading when the number changes under it, rather than leave shards without a relay', async () => {
    const relay = startRelay();
    await emitTo(0, 3);
    await allPublished();
    await vi.waitFor(async () => {
      await database.pool.query('select banyan.set_shards(2, drained => true)');
    }, PATIENT);
    await vi.waitFor(() => {
      for (const status of relay.status) expect(status.because).toContain('has 2 shards');
    }, PATIENT);
  });
});

describe('the name of a shard', () => {
  it('is that of the source itself where the source bears it, or where there is no such shard', async () => {
    const client = await database.pool.connect();
    try {
      expect(await findShard(client, 'projects')).toBe(0);
      expect(await findShard(client, 'projects-3')).toBe(3);
      expect(await findShard(client, 'projects-4')).toBe(0);
      await client.query(`update banyan.source set name = 'projects-3'`);
      expect(await findShard(client, 'projects-3')).toBe(0);
      expect(await findShard(client, 'projects-3-1')).toBe(1);
    } finally {
      client.release();
    }
  });

  it.each([{ onlyShards: '4' }, { onlyShards: 'all' }, { onlyShards: [] }, { onlyShards: -1 }])(
    'is refused if there is no such shard: %j',
    ({ onlyShards }) => {
      expect(() => startRelay({ onlyShards })).toThrow(/must name some of its shards, 0 to 3/);
    },
  );
});

/** Whether writers of a shard are asked to notify, and no look at its outbox is due at once. */
async function isAsleep(shard: number): Promise<boolean> {
  const { rows } = await database.pool.query<{ asleep: boolean }>(
    `select last_value = 2 as asleep from ${SCHEMAS[shard]!}.relay_asleep`,
  );
  return rows[0]!.asleep;
}

/** The server process of each shard's leader. */
async function leaders(): Promise<Map<string, number>> {
  const { rows } = await database.pool.query<{ name: string; pid: number }>(
    `select substr(application_name, 14) as name, pid from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and classid = 6218 and pg_locks.database = (select oid from pg_database where datname = current_database())`,
  );
  return new Map(rows.map(({ name, pid }) => [name, pid]));
}

/** Reads all streams: keys that are in more than one, or in another one than their partition says. */
async function keysInSeveralStreams(): Promise<string[]> {
  const seen = new Map<string, Set<number>>();
  for (const [shard, name] of names.entries()) {
    const consumer = await jetstream(nats.connection).consumers.get(streamOf(name), { headers_only: true });
    const { num_pending: total } = await consumer.info();
    if (total === 0) continue;
    for await (const message of await consumer.consume()) {
      const key = message.headers?.get('ce-partitionkey') ?? '';
      const partition = Number(message.subject.slice(-2));
      const shards = seen.get(key) ?? new Set();
      seen.set(key, shards.add(shard).add(shardOfPartition(partition, SHARDS)));
      if (message.info.pending === 0) break;
    }
  }
  return [...seen].filter(([, shards]) => shards.size !== 1).map(([key]) => key);
}
