import { streamOf } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { DeliverPolicy, jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sweep, type RetentionLimits, type SweepCounts } from './retention-sweep.js';
import { SourceRelay } from './source-relay.js';
import type { SourceRelayConfig } from './options.js';

const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', $2) as id`;
const WAITING = `select count(*) as value from pg_locks where not granted and mode = 'AccessExclusiveLock' and database = (select oid from pg_database where datname = current_database())`;
const AT_ONCE: RetentionLimits = { retentionMs: 0, retentionFloorMs: 0, retentionMaxBytes: 0 };
const PATIENT = { timeout: 60_000, interval: 10 };

let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let relays: SourceRelay[];
/** What writers know to be committed. */
let committed: string[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  relays = [];
  committed = [];
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

/** A relay whose own retention waits for an hour, unless told otherwise. */
function startRelay(config: Partial<SourceRelayConfig> = {}): SourceRelay {
  const given = { source, databaseUrl: database.url, natsUrl: nats.url, noteAckedIntervalMs: 10, ...config };
  const relay = new SourceRelay({ retentionCheckMs: 3_600_000, ...given });
  relays.push(relay);
  relay.start();
  return relay;
}

const waitForSlots = (): Promise<unknown> =>
  database.pool.query(`alter function banyan.empty_slot set lock_timeout = '20s'`);

async function emit(count: number, tx: PoolClient | TestDatabase['pool'] = database.pool): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const { rows } = await tx.query<{ id: string }>(EMIT, [`p${i % 7}`, Buffer.alloc(100)]);
    ids.push(rows[0]?.id ?? '');
  }
  return ids;
}

const emitCommitted = async (count: number): Promise<void> => void committed.push(...(await emit(count)));

/** The number of a tick by which everything committed so far is acknowledged by the stream. */
async function ackedTick(): Promise<number> {
  return vi.waitFor(async () => {
    const { rows } = await database.pool.query<{ acked: string; n: string }>(
      `select acked_tick as acked, acked_n as n from banyan.source`,
    );
    expect(Number(rows[0]?.n)).toBe(committed.length);
    return Number(rows[0]?.acked);
  }, PATIENT);
}

async function sweepOnce(limits: Partial<RetentionLimits> = {}): Promise<SweepCounts> {
  const acked = await ackedTick();
  const client = await database.pool.connect();
  try {
    await client.query('set search_path to banyan');
    return await sweep(client, acked, { ...AT_ONCE, ...limits });
  } finally {
    client.release();
  }
}

async function column<T>(query: string): Promise<T[]> {
  const { rows } = await database.pool.query<{ value: T }>(query);
  return rows.map(({ value }) => value);
}

const slotSizes = (): Promise<string[]> =>
  column(`select bytes as value from banyan.outbox_slots order by slot`);
const rowCount = async (): Promise<number> =>
  Number((await column<string>('select count(*) as value from banyan.outbox'))[0]);

async function idsInStream(): Promise<string[]> {
  const { state } = await manager.streams.info(streamOf(source));
  const ids: string[] = [];
  if (state.messages === 0) return ids;
  const consumer = await jetstream(nats.connection).consumers.get(streamOf(source), {
    deliver_policy: DeliverPolicy.All,
    headers_only: true,
  });
  for await (const message of await consumer.consume()) {
    ids.push(message.headers?.get('ce-id') ?? '');
    if (message.seq >= state.last_seq) break;
  }
  return ids;
}

async function expectStreamToHoldWhatWasCommitted(): Promise<void> {
  const found = await idsInStream();
  expect(found).toHaveLength(committed.length);
  expect(new Set(found)).toEqual(new Set(committed));
}

describe('a sweep', () => {
  beforeEach(waitForSlots);
  it('moves on from a slot, then empties it, and the outbox is as small as a new one', async () => {
    const before = await slotSizes();
    startRelay();
    await emitCommitted(1);
    await database.pool.query(
      `select banyan.emit('project', 'p' || i % 100, 'ProjectRenamed', 'x') from generate_series(1, 20000) i`,
    );
    committed = await column('select event_id as value from banyan.outbox');
    expect(await sweepOnce()).toMatchObject({ movedTo: 1, emptied: [] });
    expect(await rowCount()).toBe(committed.length);
    expect(await sweepOnce()).toMatchObject({ movedTo: undefined, emptied: [0], busy: [] });
    await database.pool.query('analyze banyan.outbox');
    expect(await slotSizes()).toEqual(before);
    const dead = `select n_dead_tup as value from pg_stat_user_tables where relname like 'outbox\\__'`;
    expect(await column(dead)).toEqual(['0', '0', '0']);
    await expectStreamToHoldWhatWasCommitted();
  });

  it('keeps what was acknowledged more recently than the retention, however long ago it was written', async () => {
    await emitCommitted(5);
    await database.pool.query(`update banyan.outbox set emitted_at = now() - interval '3 days'`);
    startRelay();
    const limits = { retentionMs: 86_400_000 };
    expect(await sweepOnce(limits)).toMatchObject({ movedTo: 1 });
    await database.pool.query(`update banyan.tick set taken_at = now() - interval '3 days'`);
    expect(await sweepOnce(limits)).toMatchObject({ emptied: [] });
    await database.pool.query(`update banyan.acked_mark set noted_at = now() - interval '25 hours'`);
    expect(await sweepOnce(limits)).toMatchObject({ emptied: [0] });
  });

  it('keeps what the stream has not acknowledged', async () => {
    const relay = startRelay();
    await emitCommitted(3);
    const acked = await ackedTick();
    await relay.stop();
    await emit(1);
    const client = await database.pool.connect();
    await client.query('set search_path to banyan');
    expect(await sweep(client, acked, AT_ONCE)).toMatchObject({ movedTo: 1 });
    expect(await sweep(client, acked, AT_ONCE)).toMatchObject({ emptied: [] });
    client.release();
    expect(await rowCount()).toBe(4);
  });

  it('goes down to the floor when the outbox is too large, and no further', async () => {
    startRelay();
    await emitCommitted(10);
    const limits = { retentionMs: 86_400_000, retentionFloorMs: 600_000, retentionMaxBytes: 1 };
    expect(await sweepOnce(limits)).toMatchObject({ movedTo: 1 });
    expect(await sweepOnce(limits)).toMatchObject({ emptied: [] });
    await database.pool.query(`update banyan.acked_mark set noted_at = now() - interval '11 minutes'`);
    expect(await sweepOnce({ ...limits, retentionMaxBytes: 0 })).toMatchObject({ emptied: [] });
    expect(await sweepOnce(limits)).toMatchObject({ emptied: [0] });
  });

  it('deletes the ticks that lost their events, but never the last one', async () => {
    startRelay();
    for (let i = 0; i < 5; i++) {
      await emitCommitted(1);
      await ackedTick();
    }
    await sweepOnce();
    const newest = await ackedTick();
    expect(await sweepOnce()).toMatchObject({ emptied: [0], prunedTicks: newest });
    expect(await column('select tick as value from banyan.tick')).toEqual([String(newest)]);
  });

  it('refuses to judge a slot by an old snapshot', async () => {
    const client = await database.pool.connect();
    await client.query('begin isolation level repeatable read');
    await expect(client.query(`select banyan.empty_slot(1, '0')`)).rejects.toThrow(
      /isolation is repeatable read/,
    );
    await client.query('rollback');
    client.release();
  });
});

describe('a transaction that stays open', () => {
  it('loses nothing when it commits while its slot waits to be emptied', async () => {
    startRelay();
    const writer = await database.pool.connect();
    await writer.query('begin');
    const late = await emit(2, writer);
    await emitCommitted(3);
    await sweepOnce();
    // Its lock is in the way of the first try. The second waits, and gets the lock when the writer has just committed.
    expect(await sweepOnce()).toMatchObject({ emptied: [], busy: [0] });
    await waitForSlots();
    const waiting = sweepOnce();
    await vi.waitFor(async () => expect(await column(WAITING)).toEqual(['1']), PATIENT);
    await writer.query('commit');
    writer.release();
    expect(await waiting).toMatchObject({ emptied: [] });
    committed.push(...late);
    await ackedTick();
    expect(await sweepOnce()).toMatchObject({ emptied: [0] });
    await expectStreamToHoldWhatWasCommitted();
  });

  it('can be overtaken by two rotations: its slot is passed over, its rows arrive', async () => {
    startRelay();
    const writer = await database.pool.connect();
    await writer.query('begin');
    const late = await emit(2, writer);
    await emitCommitted(2);
    expect(await sweepOnce()).toMatchObject({ movedTo: 1, busy: [] });
    await emitCommitted(2);
    expect(await sweepOnce()).toMatchObject({ movedTo: 2, busy: [0] });
    await emitCommitted(2);
    expect(await sweepOnce()).toMatchObject({ movedTo: 1, emptied: [1], busy: [0] });
    late.push(...(await emit(2, writer)));
    await writer.query('commit');
    writer.release();
    committed.push(...late);
    await ackedTick();
    expect(await sweepOnce()).toMatchObject({ busy: [] });
    await sweepOnce();
    await expectStreamToHoldWhatWasCommitted();
  });

  it('does not hold up other writers, nor does whoever waits for its slot', async () => {
    startRelay();
    await emitCommitted(1);
    await sweepOnce();
    const exclusive = await database.pool.connect();
    await exclusive.query('begin');
    await exclusive.query('lock table banyan.outbox_0 in access exclusive mode');
    const writer = await database.pool.connect();
    await writer.query(`set lock_timeout = '1ms'`);
    await emit(50, writer);
    writer.release(true);
    await exclusive.query('rollback');
    exclusive.release();
    expect(await rowCount()).toBe(51);
  });
});

describe('healing after a rotation', () => {
  beforeEach(waitForSlots);
  const refusing = (relay: SourceRelay): Promise<void> =>
    vi.waitFor(() => {
      expect(relay.status).toMatchObject({
        state: 'refusing',
        because: expect.stringContaining('BANYAN_NOT_RETAINED'),
      });
    }, PATIENT);

  async function rotateAway(): Promise<void> {
    await sweepOnce();
    expect(await sweepOnce()).toMatchObject({ emptied: [0] });
  }

  it('goes on after the last message though its event has left the outbox', async () => {
    const first = startRelay();
    await emitCommitted(5);
    await rotateAway();
    await first.stop();
    startRelay();
    await emitCommitted(2);
    await ackedTick();
    await expectStreamToHoldWhatWasCommitted();
  });

  it('starts the retention of events anew that the broker lost', async () => {
    const first = startRelay();
    await emitCommitted(5);
    const limits = { retentionMs: 86_400_000, retentionMaxBytes: 1 };
    expect(await sweepOnce(limits)).toMatchObject({ movedTo: 1 });
    await first.stop();
    await database.pool.query(`update banyan.acked_mark set noted_at = now() - interval '25 hours'`);
    await cutStream(2);
    startRelay();
    await vi.waitFor(async () => expect(await idsInStream()).toHaveLength(5), PATIENT);
    expect(await sweepOnce({ retentionMs: 86_400_000 })).toMatchObject({ emptied: [] });
  });

  it('is refused when the stream is gone', async () => {
    const first = startRelay();
    await emitCommitted(5);
    await rotateAway();
    await first.stop();
    await manager.streams.delete(streamOf(source));
    await refusing(startRelay());
  });

  it('is refused when the stream ends in a tick that has gone with its events', async () => {
    const first = startRelay();
    for (let i = 0; i < 3; i++) {
      await emitCommitted(2);
      await ackedTick();
    }
    await rotateAway();
    await first.stop();
    await cutStream(2);
    await refusing(startRelay());
  });

  it('is refused, and no event gets another one’s position, when a part of a tick’s events has gone', async () => {
    const first = startRelay();
    await emitCommitted(1);
    await ackedTick();
    const writer = await database.pool.connect();
    await writer.query('begin');
    const inFirstSlot = await emit(2, writer);
    await sweepOnce();
    const inSecondSlot = await emit(2, writer);
    await writer.query('commit');
    writer.release();
    committed.push(...inFirstSlot, ...inSecondSlot);
    await sweepOnce({ retentionMs: 86_400_000 });
    // As if the relay had been killed before it could delete the ticks.
    expect(await column(`select banyan.empty_slot(0, '0') as value`)).toEqual(['emptied']);
    expect(await column('select event_id as value from banyan.outbox')).toEqual(inSecondSlot);
    await first.stop();
    await cutStream(1);
    await refusing(startRelay());
    expect(await idsInStream()).toEqual(committed.slice(0, 1));
  });

  /** As a broker does that loses its newest messages: what is left of the stream has the first few only. */
  async function cutStream(keep: number): Promise<void> {
    const { config } = await manager.streams.info(streamOf(source));
    const kept = [];
    for (let seq = 1; seq <= keep; seq++) {
      const message = await manager.streams.getMessage(streamOf(source), { seq });
      if (message !== null) kept.push(message);
    }
    await manager.streams.delete(streamOf(source));
    await manager.streams.add(config);
    for (const { subject, data, header } of kept) {
      header.delete('Nats-Expected-Last-Sequence');
      await nats.connection.request(subject, data, { headers: header, timeout: 9000 });
    }
  }
});
