import { streamOf } from '@banyan/contracts';
import { startProxy, testDatabase, testNats, uniqueName } from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import fc from 'fast-check';
import type { PoolClient } from 'pg';
import { expect, it, vi } from 'vitest';
import { auditStream, isBalanced } from '../audit.js';
import { SourceRelay } from '../source-relay.js';

const STEPS = [
  'emit',
  'begin',
  'commit',
  'rollback',
  'settle',
  'start',
  'stop',
  'cut-database',
  'cut-nats',
] as const;
type Step = (typeof STEPS)[number];

const END_SESSIONS = `select pg_terminate_backend(pid) from pg_stat_activity
  where application_name like 'banyan-relay%' and datname = current_database()`;

/** A source with its writers and relays, at the mercy of steps in any order. */
class World {
  readonly #source = uniqueName('projects');
  readonly #open: { client: PoolClient; events: number }[] = [];
  readonly #relays: SourceRelay[] = [];
  readonly #parts: Parts;
  #committed = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async create(): Promise<World> {
    const [database, nats] = await Promise.all([testDatabase({ roles: ['outbox'] }), testNats()]);
    return new World({ database, nats, proxy: await startProxy({ target: nats.url }) });
  }

  async take(step: Step, amount: number): Promise<void> {
    const { database, proxy } = this.#parts;
    const key = `k${amount % 3}`;
    switch (step) {
      case 'settle':
        return this.#settle();
      case 'emit':
        await database.pool.query(EMIT, [key, amount]);
        this.#committed += amount;
        return;
      case 'begin':
        // Writers of one key wait for each other: at most one open transaction a key, and keys of their own.
        if (this.#open.length < 5) await this.#begin(`open-${this.#open.length}-${amount}`, amount);
        return;
      case 'commit':
        return this.#end('commit');
      case 'rollback':
        return this.#end('rollback');
      case 'start':
        if (this.#relays.length < 3) this.#start();
        return;
      case 'stop':
        return this.#relays.shift()?.stop();
      case 'cut-database':
        await database.pool.query(END_SESSIONS);
        return;
      case 'cut-nats':
        proxy.cut();
    }
  }

  /** Everything ended, and a relay left to finish: what the stream is then. */
  async outcome(): Promise<{ committed: number; messages: number; balanced: boolean }> {
    const { database, nats } = this.#parts;
    while (this.#open.length > 0) await this.#end('commit');
    this.#start();
    const committed = this.#committed;
    const audit = () => auditStream(database.pool, nats.connection, this.#source);
    const report = await vi.waitFor(
      async () => {
        const found = await audit();
        expect(found.messages).toBeGreaterThanOrEqual(committed);
        return found;
      },
      { timeout: 60_000, interval: 50 },
    );
    return { committed, messages: report.messages, balanced: isBalanced(report) };
  }

  async close(): Promise<void> {
    const { database, nats, proxy } = this.#parts;
    await Promise.all(this.#relays.map((relay) => relay.stop()));
    await proxy.close();
    const manager = await jetstreamManager(nats.connection);
    await manager.streams.delete(streamOf(this.#source)).catch(() => undefined);
    await Promise.all([database.drop(), nats.close()]);
  }

  async #begin(key: string, events: number): Promise<void> {
    const client = await this.#parts.database.pool.connect();
    await client.query('begin');
    await client.query(EMIT, [key, events]);
    this.#open.push({ client, events });
  }

  async #end(how: 'commit' | 'rollback'): Promise<void> {
    const writer = this.#open.shift();
    await writer?.client.query(how);
    writer?.client.release();
    if (how === 'commit') this.#committed += writer?.events ?? 0;
  }

  /** Steps are quicker than relays: now and then one has to have done its work before the next blow. */
  async #settle(): Promise<void> {
    if (this.#relays.length === 0) this.#start();
    const acked = (): number => Math.max(...this.#relays.map(({ status }) => status.ackedN ?? 0));
    await vi.waitFor(() => expect(acked()).toBe(this.#committed), { timeout: 60_000, interval: 5 });
  }

  #start(): void {
    const { database, proxy } = this.#parts;
    const config = { source: this.#source, databaseUrl: database.url, natsUrl: proxy.url };
    const relay = new SourceRelay({ ...config, standbyIntervalMs: 20, retryMaxDelayMs: 100, pageRows: 7 });
    this.#relays.push(relay);
    relay.start();
  }
}

interface Parts {
  database: Awaited<ReturnType<typeof testDatabase>>;
  nats: Awaited<ReturnType<typeof testNats>>;
  proxy: Awaited<ReturnType<typeof startProxy>>;
}

const EMIT = `select banyan.emit('project', $1, 'ProjectRenamed', 'x', i) from generate_series(1, $2::bigint) i`;

it('each committed event is in the stream once, at its position and in order, whatever happened in between', async () => {
  // Writers and a relay at work more often than blows.
  const step = fc.constantFrom(
    ...STEPS,
    'begin' as const,
    'settle' as const,
    'emit' as const,
    'settle' as const,
  );
  const steps = fc.array(fc.tuple(step, fc.integer({ min: 1, max: 40 })), {
    minLength: 10,
    maxLength: 40,
  });
  const property = fc.asyncProperty(steps, async (taken) => {
    const world = await World.create();
    try {
      for (const [step, amount] of taken) await world.take(step, amount);
      const { committed, messages, balanced } = await world.outcome();
      expect({ messages, balanced }).toEqual({ messages: committed, balanced: true });
    } finally {
      await world.close();
    }
  });
  await fc.assert(property, { numRuns: 8, endOnFailure: true });
}, 300_000);
