import { streamOf } from '@banyan/contracts';
import {
  startNats,
  startPostgres,
  startProxy,
  temporaryFolder,
  testDatabase,
  uniqueName,
  type NatsServer,
  type TemporaryFolder,
  type TestDatabase,
} from '@banyan/devstack';
import { migrate } from '@banyan/migrations';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditStream, isBalanced } from './audit.js';
import { SourceRelay } from './source-relay.js';

const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', $2)`;
const QUICK = { retryFirstDelayMs: 20, retryMaxDelayMs: 200, ackTimeoutMs: 1000 };

let folder: TemporaryFolder;
let database: TestDatabase;
let nats: NatsServer;
let source: string;
let relay: SourceRelay | undefined;

beforeEach(async () => {
  folder = await temporaryFolder();
  [database, nats] = await Promise.all([
    testDatabase({ roles: ['outbox'] }),
    startNats({ dir: `${folder.path}/nats`, own: true }),
  ]);
  source = uniqueName('projects');
});

afterEach(async () => {
  await relay?.stop();
  relay = undefined;
  await Promise.all([nats.stop(), database.drop()]);
  await folder.remove();
});

function startRelay(natsUrl = nats.url, databaseUrl = database.url): SourceRelay {
  relay = new SourceRelay({ source, databaseUrl, natsUrl, ...QUICK });
  relay.start();
  return relay;
}

async function emit(count: number, bytes = 100, pool: pg.Pool = database.pool): Promise<void> {
  for (let i = 0; i < count; i++) await pool.query(EMIT, [`p${i % 10}`, Buffer.alloc(bytes)]);
}

const acked = (running: SourceRelay, n: number): Promise<void> =>
  vi.waitFor(() => expect(running.status).toMatchObject({ state: 'leading', ackedN: n }), {
    timeout: 60_000,
    interval: 20,
  });

async function expectBalance(pool: pg.Pool = database.pool): Promise<void> {
  const connection = await connect({ servers: nats.url });
  try {
    const report = await auditStream(pool, connection, source);
    expect(isBalanced(report), JSON.stringify(report)).toBe(true);
  } finally {
    await connection.close();
  }
}

describe('the broker', () => {
  it('may be killed and started again under load', async () => {
    const running = startRelay();
    await emit(50);
    await acked(running, 50);
    nats.kill();
    await emit(50);
    await nats.restart();
    await emit(50);
    await acked(running, 150);
    await expectBalance();
  });

  it('may come after the relay', async () => {
    await nats.stop();
    const running = startRelay();
    await emit(3);
    await vi.waitFor(() => expect(running.status.failures).toBeGreaterThan(1), { timeout: 60_000 });
    await nats.restart();
    await acked(running, 3);
  });

  it('may cut the network in the middle of a batch, again and again', async () => {
    const proxy = await startProxy({ target: nats.url });
    try {
      await database.pool.query(
        `select banyan.emit('project', 'p' || i % 50, 'ProjectRenamed', decode(repeat('ab', 2000), 'hex')) from generate_series(1, 20000) i`,
      );
      const running = startRelay(proxy.url);
      for (let cuts = 0; cuts < 5; cuts++) {
        const before = running.status.failures;
        const reached = running.status.ackedN ?? 0;
        await vi.waitFor(() => expect(running.status.ackedN ?? 0).toBeGreaterThan(reached), {
          timeout: 60_000,
          interval: 1,
        });
        proxy.cut();
        await vi.waitFor(() => expect(running.status.failures).toBeGreaterThan(before), {
          timeout: 60_000,
          interval: 1,
        });
      }
      await acked(running, 20_000);
      await expectBalance();
    } finally {
      await proxy.close();
    }
  });

  it('may take bytes and answer nothing', async () => {
    const proxy = await startProxy({ target: nats.url });
    try {
      const running = startRelay(proxy.url);
      await emit(5);
      await acked(running, 5);
      proxy.pause();
      await emit(5);
      await vi.waitFor(() => expect(running.status.state).toBe('down'), { timeout: 60_000, interval: 10 });
      proxy.resume();
      await acked(running, 10);
      await expectBalance();
    } finally {
      await proxy.close();
    }
  });

  it('may be slow', async () => {
    const proxy = await startProxy({ target: nats.url });
    proxy.delay(20);
    try {
      await emit(300);
      await acked(startRelay(proxy.url), 300);
      await expectBalance();
    } finally {
      await proxy.close();
    }
  });

  it('may be full: nothing is lost, and it goes on when there is room', async () => {
    await nats.stop();
    const full = await startNats({
      dir: `${folder.path}/nats`,
      port: nats.port,
      own: true,
      config: 'max_payload: 1100KB',
    });
    nats = full;
    const running = startRelay();
    await emit(1);
    await acked(running, 1);
    const connection = await connect({ servers: nats.url });
    const manager = await jetstreamManager(connection);
    const limit = { max_bytes: 200_000, discard: 'new' as const };
    const { config } = await manager.streams.info(streamOf(source));
    await manager.streams.update(streamOf(source), { ...config, ...limit });
    await emit(20, 50_000);
    await vi.waitFor(() => expect(running.status.failures).toBeGreaterThan(1), { timeout: 60_000 });
    await manager.streams.update(streamOf(source), { ...config, max_bytes: -1 });
    await acked(running, 21);
    await connection.close();
    await expectBalance();
  });

  it('may be given events of 900 KB, many at a time', async () => {
    await emit(30, 900_000);
    await acked(startRelay(), 30);
    await expectBalance();
  });
});

describe('the database', () => {
  it('may be killed and started again', async () => {
    const postgres = await startPostgres({ dir: `${folder.path}/postgres` });
    const pool = new pg.Pool({ connectionString: postgres.url() });
    pool.on('error', () => undefined);
    try {
      await migrate({ databaseUrl: postgres.url(), roles: ['outbox'] });
      const running = startRelay(nats.url, postgres.url());
      await emit(20, 100, pool);
      await acked(running, 20);
      postgres.kill();
      await postgres.exited;
      await postgres.restart();
      await vi.waitFor(() => emit(1, 100, pool), { timeout: 60_000 });
      await acked(running, 21);
      await expectBalance(pool);
      await running.stop();
    } finally {
      await pool.end();
      await postgres.stop();
    }
  });

  it('may hold a transaction open for as long as it likes while others commit', async () => {
    const running = startRelay();
    const long = await database.pool.connect();
    await long.query('begin');
    await long.query(EMIT, ['long', Buffer.alloc(1)]);
    await emit(500);
    await acked(running, 500);
    await long.query('commit');
    long.release();
    await acked(running, 501);
    await expectBalance();
  });

  it('may hold 1,000 idle transactions: others are relayed as fast as before, and nobody waits for a lock', async () => {
    const settings = { max_connections: 1100, shared_buffers: '64MB', fsync: 'off' };
    const postgres = await startPostgres({ dir: `${folder.path}/postgres`, settings });
    const pool = new pg.Pool({ connectionString: postgres.url() });
    pool.on('error', () => undefined);
    const idle: pg.Client[] = [];
    try {
      await migrate({ databaseUrl: postgres.url(), roles: ['outbox'] });
      const running = startRelay(nats.url, postgres.url());
      await emit(1, 100, pool);
      await acked(running, 1);
      const alone = await latencies(pool, 200);
      for (let i = 0; i < 1000; i += 50) {
        idle.push(...(await Promise.all(Array.from({ length: 50 }, () => idleTransaction(postgres.url())))));
      }
      // One in ten has emitted already: its event arrives when it commits.
      const emitting = idle.filter((_, index) => index % 10 === 0);
      for (const client of emitting) await client.query(EMIT, ['late', Buffer.alloc(1)]);
      const among = await latencies(pool, 200);
      process.stderr.write(
        `commit to stream, p50/p99/max ms: alone ${alone.text}; among 1,000 idle transactions ${among.text}\n`,
      );
      expect(among.p50).toBeLessThan(3 * alone.p50 + 30);
      const waiting = await pool.query(`select from pg_locks where not granted`);
      expect(waiting.rowCount).toBe(0);
      for (const client of emitting) await client.query('commit');
      await acked(running, 501);
      await expectBalance(pool);
      await running.stop();
    } finally {
      await Promise.all(idle.map((client) => client.end()));
      await pool.end();
      await postgres.stop();
    }
  }, 240_000);
});

/** Of so many events, one after the other: from before the commit until the stream's message is heard. */
async function latencies(pool: pg.Pool, count: number): Promise<{ p50: number; text: string }> {
  const connection = await connect({ servers: nats.url });
  const heard = connection.subscribe(`evt.${source}.>`);
  await connection.flush();
  const messages = heard[Symbol.asyncIterator]();
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await pool.query(EMIT, ['p', Buffer.alloc(100)]);
    await messages.next();
    took.push(performance.now() - startMs);
  }
  await connection.close();
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(count - 1, Math.floor(share * count))] ?? NaN;
  return { p50: at(0.5), text: [at(0.5), at(0.99), at(1)].map((ms) => ms.toFixed(1)).join('/') };
}

async function idleTransaction(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  await client.query('begin');
  await client.query('select pg_current_xact_id()');
  return client;
}
