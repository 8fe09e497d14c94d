import { heartbeatSubjectOf, decodeHeartbeat, streamOf, subjectsOf, type Heartbeat } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { jetstreamManager, StorageType, type JetStreamManager, type StoredMsg } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditStream, isBalanced } from './audit.js';
import type { SourceRelayConfig } from './options.js';
import { SourceRelay } from './source-relay.js';

const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', $2, $3)`;

let database: TestDatabase;
let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let relays: SourceRelay[];

beforeEach(async () => {
  [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  relays = [];
});

afterEach(async () => {
  await Promise.all(relays.map((relay) => relay.stop()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await Promise.all([database.drop(), nats.close()]);
});

function startRelay(config: Partial<SourceRelayConfig> = {}): SourceRelay {
  const relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url, ...config });
  relays.push(relay);
  relay.start();
  return relay;
}

async function emit(key: string, version = 1): Promise<void> {
  await database.pool.query(EMIT, [key, Buffer.from(key), version]);
}

async function lastMessage(): Promise<StoredMsg> {
  const message = await manager.streams.getMessage(streamOf(source), { last_by_subj: subjectsOf(source) });
  if (message === null) throw new Error('the stream is empty');
  return message;
}

const messages = async (): Promise<number> => (await manager.streams.info(streamOf(source))).state.messages;

function leading(relay: SourceRelay): Promise<void> {
  return vi.waitFor(() => expect(relay.status.state).toBe('leading'), { timeout: 60_000, interval: 10 });
}

function acked(relay: SourceRelay, n: number): Promise<void> {
  return vi.waitFor(() => expect(relay.status.ackedN).toBe(n), { timeout: 60_000, interval: 10 });
}

function refusing(relay: SourceRelay, code: string): Promise<void> {
  return vi.waitFor(
    () => expect(relay.status).toMatchObject({ state: 'refusing', because: expect.stringContaining(code) }),
    {
      timeout: 60_000,
      interval: 10,
    },
  );
}

describe('what is in the stream', () => {
  it('is each committed event, and never one that was rolled back', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(EMIT, ['rolled-back', Buffer.from(''), 1]);
    await client.query('rollback');
    client.release();
    await emit('committed');
    await acked(startRelay(), 1);
    expect((await lastMessage()).header.get('ce-subject')).toBe('committed');
    expect(isBalanced(await auditStream(database.pool, nats.connection, source))).toBe(true);
  });

  it('carries CloudEvents headers and its place in the history', async () => {
    // In one transaction, so in one tick: of two, another database's transaction may keep the second back.
    await database.pool.query(
      `select banyan.emit('project', 'first', 'ProjectRenamed', 'x', 1),
              banyan.emit('project', 'über p', 'ProjectRenamed', 'x', 7, $1)`,
      [{ traceparent: '00-1-2-01', tenant: 'blue' }],
    );
    await acked(startRelay(), 2);
    const { subject, header, data } = await lastMessage();
    expect(subject).toMatch(new RegExp(`^evt\\.${source}\\.project\\.ProjectRenamed\\.\\d\\d$`));
    expect(Object.fromEntries([...header].map(([name, values]) => [name, values[0]]))).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'ce-source': `/${source}`,
      'ce-type': `${source}.ProjectRenamed`,
      // PostgreSQL leaves out zeros at the end.
      'ce-time': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/),
      'ce-subject': '%C3%BCber%20p',
      'ce-partitionkey': 'project/%C3%BCber%20p',
      'content-type': 'application/protobuf',
      'Banyan-Position': '1.2',
      'Banyan-Tick': '1',
      'Banyan-Prev': '1.0',
      'Banyan-Version': '7',
      traceparent: '00-1-2-01',
      tenant: 'blue',
    });
    expect(Buffer.from(data).toString()).toBe('x');
  });

  it('has a transaction that commits late, though later ones were published before it', async () => {
    const relay = startRelay();
    const late = await database.pool.connect();
    await late.query('begin');
    await late.query(EMIT, ['late', Buffer.from(''), 1]);
    await emit('early');
    await acked(relay, 1);
    expect((await lastMessage()).header.get('ce-subject')).toBe('early');
    await late.query('commit');
    late.release();
    await acked(relay, 2);
    expect((await lastMessage()).header.get('ce-subject')).toBe('late');
  });

  it('balances after many writers at once, some slow and some rolled back', async () => {
    const relay = startRelay();
    let committed = 0;
    const writer = async (seed: number): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const client = await database.pool.connect();
        await client.query('begin');
        const key = `key-${(seed * 7 + i * 13) % 5}`;
        await client.query(`select banyan.lock_key('project', $1)`, [key]);
        for (let k = 0; k <= (seed + i) % 3; k++) await client.query(EMIT, [key, Buffer.alloc(i), i + 1]);
        if (i % 10 === seed) await client.query('select pg_sleep(0.05)');
        const rollback = (seed + i) % 4 === 0;
        await client.query(rollback ? 'rollback' : 'commit');
        if (!rollback) committed += 1 + ((seed + i) % 3);
        client.release();
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, seed) => writer(seed)));
    await acked(relay, committed);
    const report = await auditStream(database.pool, nats.connection, source);
    expect(report).toMatchObject({ committed, messages: committed });
    expect(isBalanced(report)).toBe(true);
  });

  it('keeps the order of a transaction larger than a page', async () => {
    await database.pool.query(
      `select banyan.emit('project', 'p' || i % 7, 'ProjectRenamed', 'x', i) from generate_series(1, 2500) i`,
    );
    await acked(startRelay({ pageRows: 100, maxInFlight: 64 }), 2500);
    expect(isBalanced(await auditStream(database.pool, nats.connection, source))).toBe(true);
  });

  it('holds events of nearly the largest size that emit lets through', async () => {
    await database.pool.query(EMIT, ['large', Buffer.alloc(999_000), 1]);
    await acked(startRelay(), 1);
    expect((await lastMessage()).data.length).toBe(999_000);
  });
});

describe('the stream as the cursor', () => {
  it('lets a relay that starts again go on after the last message', async () => {
    await emit('a');
    const first = startRelay();
    await acked(first, 1);
    await first.stop();
    await emit('b');
    const second = startRelay();
    await acked(second, 2);
    await second.stop();
    expect(second.status.published).toBe(1);
    expect(isBalanced(await auditStream(database.pool, nats.connection, source))).toBe(true);
  });

  it('brings a stream that was deleted back at the same positions', async () => {
    for (const key of ['a', 'b', 'c']) await emit(key);
    const relay = startRelay();
    await acked(relay, 3);
    const before = (await lastMessage()).header.get('ce-id');
    await manager.streams.delete(streamOf(source));
    await emit('d');
    await vi.waitFor(async () => expect(await messages()).toBe(4), { timeout: 60_000 });
    const third = await manager.streams.getMessage(streamOf(source), { seq: 3 });
    expect(third?.header.get('ce-id')).toBe(before);
    expect(third?.header.get('Banyan-Position')).toBe('1.3');
    expect(isBalanced(await auditStream(database.pool, nats.connection, source))).toBe(true);
  });

  it('refuses to go on when the stream ends with an event that the database does not have', async () => {
    await emit('a');
    const relay = startRelay();
    await acked(relay, 1);
    await relay.stop();
    const { header, subject } = await lastMessage();
    header.set('ce-id', '00000000-0000-4000-8000-000000000000');
    header.set('Banyan-Position', '1.2');
    header.delete('Nats-Expected-Last-Sequence');
    nats.connection.publish(subject, 'not the relay', { headers: header });
    await vi.waitFor(async () => expect(await messages()).toBe(2), { timeout: 60_000 });
    await refusing(startRelay(), 'BANYAN_OTHER_HISTORY');
  });
});

describe('the fence', () => {
  it('stops a leader at the first message that another writer got in', async () => {
    await emit('a');
    const relay = startRelay();
    await acked(relay, 1);
    nats.connection.publish(`evt.${source}.stranger`, 'x');
    await vi.waitFor(async () => expect(await messages()).toBe(2), { timeout: 60_000 });
    await emit('b');
    await refusing(relay, 'BANYAN_OTHER_HISTORY');
    expect(await messages()).toBe(2);
  });

  it('finds the hole that a stranger leaves among messages in flight', async () => {
    await emit('a');
    const relay = startRelay();
    await acked(relay, 1);
    const { header, subject } = await lastMessage();
    await relay.stop();
    header.set('Banyan-Position', '1.3');
    header.delete('Nats-Expected-Last-Sequence');
    nats.connection.publish(subject, 'as if 1.2 had been refused', { headers: header });
    await vi.waitFor(async () => expect(await messages()).toBe(2), { timeout: 60_000 });
    const next = startRelay();
    await refusing(next, 'BANYAN_STREAM_HOLE');
    expect(next.status.because).toContain('goes from n 1 (message 1) to n 3 (message 2)');
  });

  it('lets one of two relays lead, and the other take over', async () => {
    const first = startRelay();
    await leading(first);
    const second = startRelay({ standbyIntervalMs: 50, leaderSilenceMs: 60_000 });
    await vi.waitFor(() => expect(second.status.state).toBe('standby'), { timeout: 60_000 });
    await emit('a');
    await acked(first, 1);
    await first.stop();
    await leading(second);
    await emit('b');
    await acked(second, 2);
    expect(isBalanced(await auditStream(database.pool, nats.connection, source))).toBe(true);
  });

  it('survives the loss of its database connection', async () => {
    const relay = startRelay();
    await emit('a');
    await acked(relay, 1);
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'banyan-relay%' and datname = current_database()`,
    );
    await emit('b');
    await acked(relay, 2);
    expect(isBalanced(await auditStream(database.pool, nats.connection, source))).toBe(true);
  });
});

describe('what a relay refuses', () => {
  it('is a stream whose configuration breaks a promise', async () => {
    await manager.streams.add({
      name: streamOf(source),
      subjects: [subjectsOf(source)],
      storage: StorageType.Memory,
    });
    const relay = startRelay();
    await refusing(relay, 'BANYAN_STREAM_CONFIG');
    expect(relay.status.because).toContain('storage must be file; deny_delete must be set');
  });

  it('is a database without an outbox', async () => {
    const empty = await testDatabase({ roles: [] });
    try {
      const relay = startRelay({ databaseUrl: empty.url });
      await refusing(relay, 'BANYAN_SCHEMA_MISSING');
      await relay.stop();
    } finally {
      await empty.drop();
    }
  });

  it("is another source's database", async () => {
    const relay = startRelay();
    await leading(relay);
    await relay.stop();
    await refusing(startRelay({ source: uniqueName('tasks') }), 'BANYAN_SOURCE_MISMATCH');
  });

  it('is an option that does not exist, with the nearest name', () => {
    const given = { source, databaseUrl: database.url, natsUrl: nats.url, pageRow: 5 };
    expect(() => new SourceRelay(given)).toThrow(/relay has no option pageRow: did you mean pageRows\?/);
  });
});

describe('heartbeats', () => {
  it('name positions that are in the stream, and a time before which everything committed is in it', async () => {
    const heartbeats: Heartbeat[] = [];
    nats.connection.subscribe(heartbeatSubjectOf(source), {
      callback: (_error, message) => {
        const heartbeat = decodeHeartbeat(message.string());
        if (heartbeat !== undefined) heartbeats.push(heartbeat);
      },
    });
    const relay = startRelay({ pollIntervalMs: 50 });
    await leading(relay);
    await emit('a');
    const { rows } = await database.pool.query<{ ms: string }>(
      'select extract(epoch from clock_timestamp()) * 1000 as ms',
    );
    const committedMs = Number(rows[0]?.ms);
    await vi.waitFor(() => expect(heartbeats.at(-1)?.asOfMs).toBeGreaterThan(committedMs), {
      timeout: 60_000,
    });
    expect(heartbeats.filter(({ asOfMs, n }) => asOfMs >= committedMs && n < 1)).toEqual([]);
    expect(Math.max(...(heartbeats.at(-1)?.heads ?? []))).toBe(1);
  });
});
