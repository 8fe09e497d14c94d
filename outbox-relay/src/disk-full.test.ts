import { execFileSync } from 'node:child_process';
import { chmod, mkdir, open, rm } from 'node:fs/promises';
import {
  startPostgres,
  temporaryFolder,
  testNats,
  uniqueName,
  type PostgresServer,
  type TemporaryFolder,
  type TestNats,
} from '@banyan/devstack';
import { streamOf } from '@banyan/contracts';
import { migrate } from '@banyan/migrations';
import { jetstreamManager } from '@nats-io/jetstream';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { auditStream, isBalanced } from './audit.js';
import { SourceRelay } from './source-relay.js';

const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', $2) as id`;
const DISK_BYTES = 192 * 1024 * 1024;

let nats: TestNats;
let source: string;

const folder = await temporaryFolder();
const disk = await mountDisk(folder);
if (disk === undefined) {
  process.stderr.write('a full disk is not tried: mounting a small one needs root on Linux\n');
}

/** A small disk of its own; undefined if this user may not mount one. */
async function mountDisk({ path }: TemporaryFolder): Promise<string | undefined> {
  const at = `${path}/disk`;
  await mkdir(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', at], { stdio: 'pipe' });
  } catch {
    return undefined;
  }
  await chmod(at, 0o777);
  return at;
}

beforeAll(async () => {
  nats = await testNats();
  source = uniqueName('projects');
});

afterAll(async () => {
  const manager = await jetstreamManager(nats.connection);
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await nats.close();
  if (disk !== undefined) execFileSync('umount', [disk]);
  await folder.remove();
});

/** Takes what is left of the disk. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (;;) await handle.write(Buffer.alloc(64 * 1024));
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  } finally {
    await handle.close();
  }
}

/** Emits until the database cannot; returns the ids of the events that it promised to keep. */
async function emitUntilRefused(pool: pg.Pool): Promise<string[]> {
  const kept: string[] = [];
  for (let i = 0; i < 100_000; i++) {
    try {
      kept.push(await emit(pool, `p${i % 10}`));
    } catch {
      return kept;
    }
  }
  throw new Error('the disk never became full');
}

async function emit(pool: pg.Pool, key: string): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(EMIT, [key, Buffer.alloc(20_000)]);
  return rows[0]?.id ?? '';
}

/** Room was made: PostgreSQL comes back by itself, or has given up and is started. */
async function untilItWorks(postgres: PostgresServer, pool: pg.Pool): Promise<void> {
  let hasEnded = false;
  void postgres.exited.then(() => (hasEnded = true));
  await vi.waitFor(
    async () => {
      if (hasEnded) {
        hasEnded = false;
        await postgres.restart();
      }
      await emit(pool, 'after');
    },
    { timeout: 60_000, interval: 200 },
  );
}

describe.runIf(disk !== undefined)('a database whose disk is full', () => {
  it('refuses writers and loses nothing that it has accepted; the relay goes on when there is room', async () => {
    const settings = { max_wal_size: '32MB', min_wal_size: '32MB' };
    const postgres = await startPostgres({ dir: `${disk}/postgres`, settings });
    const pool = new pg.Pool({ connectionString: postgres.url() });
    pool.on('error', () => undefined);
    const relay = new SourceRelay({
      source,
      databaseUrl: postgres.url(),
      natsUrl: nats.url,
      retryFirstDelayMs: 20,
      retryMaxDelayMs: 200,
    });
    try {
      await migrate({ databaseUrl: postgres.url(), roles: ['outbox'] });
      relay.start();
      const kept = [await emit(pool, 'before')];
      await vi.waitFor(() => expect(relay.status.ackedN).toBe(1), { timeout: 60_000 });
      await fill(`${disk}/ballast`);
      kept.push(...(await emitUntilRefused(pool)));
      await rm(`${disk}/ballast`);
      await untilItWorks(postgres, pool);
      const { rows } = await pool.query<{ n: number; kept: number }>(
        `select count(*)::integer as n, (count(*) filter (where event_id = any ($1)))::integer as kept from banyan.outbox`,
        [kept],
      );
      expect(rows[0]?.kept).toBe(kept.length);
      await vi.waitFor(() => expect(relay.status.ackedN).toBe(rows[0]?.n), { timeout: 60_000 });
      const report = await auditStream(pool, nats.connection, source);
      expect(isBalanced(report), JSON.stringify(report)).toBe(true);
    } finally {
      await relay.stop();
      await pool.end();
      await postgres.stop();
    }
  });
});
