import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AUDIT_STREAM, parseEdge, readTrail, StageStore, type StageRecord } from '@banyan/control';
import { startNats, testNats, uniqueName } from '@banyan/devstack';
import { silentLogger, wait } from '@banyan/runtime';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { EdgeStand, projectOf, type EdgeSettings } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const stands: EdgeStand[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.stop()));
});
afterAll(() => nats.close());

const newName = (): string => `${uniqueName('tasks')} -> projects.GetProject`;

async function standOf(
  settings: EdgeSettings = {},
  { name = newName(), connection = nats.connection } = {},
): Promise<EdgeStand> {
  const stand = new EdgeStand(name, connection, { sampleShare: 1, ...settings });
  stands.push(stand);
  for (const id of IDS) stand.put(id);
  return stand.start();
}

const IDS = ['a', 'b', 'c', 'd'];

/** From now on the replica answers wrongly, at the right version. */
function spoil(stand: EdgeStand): void {
  for (const id of IDS) stand.replica.put(projectOf(id, 1, 'wrong'));
}

/** Calls one after the other; says how many answers were wrong. */
async function call(stand: EdgeStand, times: number, pauseMs = 0): Promise<number> {
  let wrong = 0;
  for (let n = 0; n < times; n++) {
    const { project } = await stand.get(IDS[n % IDS.length] ?? 'a');
    if (project?.name === 'wrong') wrong += 1;
    if (pauseMs > 0) await wait(pauseMs);
  }
  return wrong;
}

/** Calls until the edge has gone back. */
async function callUntilTripped(stand: EdgeStand): Promise<number> {
  const { stage } = stand.edge.stage.running;
  let calls = 0;
  await vi.waitFor(
    async () => {
      await stand.get('a').catch(() => undefined);
      calls += 1;
      expect(stand.edge.stage.running.stage).not.toBe(stage);
    },
    { timeout: 20_000, interval: 1 },
  );
  return calls;
}

async function lastRecord({ name, connection }: EdgeStand): Promise<StageRecord | undefined> {
  return (await (await StageStore.open(connection)).read(parseEdge(name)))?.record;
}

const told = (stand: EdgeStand): Promise<void> =>
  vi.waitFor(async () => expect(await lastRecord(stand)).toMatchObject({ by: 'guard' }), {
    timeout: 30_000,
    interval: 50,
  });

describe('the guard', () => {
  it('takes calls back to the provider within a few wrong answers, under traffic, then in every process', async () => {
    const stand = await standOf();
    const other = await standOf({}, { name: stand.name });
    await stand.move('prefer-replica');
    expect(await call(stand, 60)).toBe(0);
    await stand.edge.settled();
    spoil(stand);
    const seen = await Promise.all(Array.from({ length: 8 }, () => call(stand, 60, 10)));
    expect(seen.reduce((sum, wrong) => sum + wrong)).toBeLessThan(240);
    await stand.edge.settled();
    expect(stand.edge.stage.running.stage).toBe('shadow');
    expect(await call(stand, 20)).toBe(0);
    await told(stand);
    expect(await lastRecord(stand)).toMatchObject({ stage: 'shadow', from: 'prefer-replica', by: 'guard' });
    expect((await lastRecord(stand))?.why).toMatch(/^wrong answers: \d+ of \d+ comparisons disagree$/);
    await vi.waitFor(
      () => expect(other.edge.stage.running).toMatchObject({ stage: 'shadow', origin: 'store' }),
      { timeout: 15_000 },
    );
  });

  it('lets the provider answer when reads of the replica fail at the stage replica', async () => {
    const stand = await standOf({ guard: { minReads: 10 } });
    await stand.move('replica');
    stand.replica.failing.add('a');
    expect(await callUntilTripped(stand)).toBe(10);
    expect(await stand.get('a')).toEqual(projectOf('a', 1));
    await told(stand);
    expect(await lastRecord(stand)).toMatchObject({
      stage: 'prefer-replica',
      why: 'errors: 10 of 10 reads of the replica failed',
    });
  });

  it('goes back when reads are slow, or the replica is over its budget for too long, where it is asked to', async () => {
    const slow = await standOf({ guard: { minReads: 5, slowMs: 20 }, readTimeoutMs: 30_000 });
    await slow.move('prefer-replica');
    slow.replica.before = () => wait(30);
    await callUntilTripped(slow);
    await told(slow);
    expect((await lastRecord(slow))?.why).toContain('latency: ');
    const stale = await standOf({ guard: { staleForMs: 50 } });
    await stale.move('replica');
    stale.replica.ageMs = 60_000;
    await callUntilTripped(stale);
    await told(stale);
    expect((await lastRecord(stale))?.why).toContain('staleness: ');
  });

  it('says in the report why it has tripped, until a newer change', async () => {
    const stand = await standOf({ guard: { minReads: 2 } });
    await stand.move('replica');
    stand.replica.failing.add('a');
    const reported = new Promise((resolve) => {
      stand.edge.stage.onChange(() => resolve(stand.edge.report(false)));
    });
    await callUntilTripped(stand);
    expect(await reported).toMatchObject({
      running: { stage: 'prefer-replica', change: 1, origin: 'guard' },
      trip: { from: 'replica', to: 'prefer-replica', cause: 'errors: 2 of 2 reads of the replica failed' },
    });
    await vi.waitFor(() => expect(stand.edge.stage.running).toMatchObject({ change: 2, origin: 'store' }), {
      timeout: 10_000,
    });
    expect(stand.edge.report(false).trip).toBeUndefined();
  });

  it('rests after a trip: the next change is not undone at once', async () => {
    const stand = await standOf({ guard: { coolDownMs: 600_000 } });
    await stand.move('prefer-replica');
    spoil(stand);
    await callUntilTripped(stand);
    await told(stand);
    await vi.waitFor(() => expect(stand.edge.stage.running.origin).toBe('store'), { timeout: 10_000 });
    await stand.move('prefer-replica');
    await call(stand, 40);
    await stand.edge.settled();
    expect(stand.edge.stage.running).toMatchObject({ stage: 'prefer-replica', change: 3 });
  });

  it('acts neither at shadow, nor at the floor, nor when it is switched off', async () => {
    const atFloor = await standOf({ supports: ['prefer-replica', 'replica'] });
    await atFloor.move('prefer-replica');
    const off = await standOf({ guard: { enabled: false } });
    await off.move('prefer-replica');
    const shadow = await standOf();
    await shadow.move('shadow');
    for (const stand of [atFloor, off, shadow]) {
      spoil(stand);
      const { running } = stand.edge.stage;
      await call(stand, 20);
      expect((await stand.evidence()).comparisons.wrong).toBe(20);
      expect(stand.edge.stage.running).toBe(running);
    }
  });

  it('takes all keys back during a ramp', async () => {
    const stand = await standOf({ ramp: { by: 'project', keyOf: ({ id }) => id }, guard: { minReads: 2 } });
    await stand.move('prefer-replica', { from: 'call', share: 99.99 });
    stand.replica.failing.add('a');
    await callUntilTripped(stand);
    await told(stand);
    expect(await lastRecord(stand)).toMatchObject({ stage: 'call', from: 'prefer-replica' });
    expect((await lastRecord(stand))?.share).toBeUndefined();
  });
});

describe('the guard without the broker', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startNats>>;
  let connection: NatsConnection;
  let stand: EdgeStand;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-guard-'));
    server = await startNats({ dir: folder, own: true });
    connection = await connect({
      servers: server.url,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
    });
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const isBack = (): void =>
    expect(stand.edge.stage.running).toMatchObject({ stage: 'prefer-replica', change: 1, origin: 'guard' });
  const isTold = (): Promise<void> =>
    vi.waitFor(() => expect(stand.edge.stage.running).toMatchObject({ change: 2, origin: 'store' }), {
      timeout: 40_000,
    });

  async function trip(): Promise<void> {
    stand.replica.failing.add('a');
    await callUntilTripped(stand);
    isBack();
    expect(await stand.get('a')).toEqual(projectOf('a', 1));
  }

  it('takes its own edge back all the same, and tells once the broker is back', async () => {
    stand = await standOf({ guard: { minReads: 5 } }, { connection });
    await stand.move('replica');
    server.kill();
    await trip();
    await server.restart();
    await isTold();
    expect(await lastRecord(stand)).toMatchObject({ by: 'guard', stage: 'prefer-replica' });
  }, 90_000);

  it('takes its own edge back all the same while nothing can be audited, and tells once it can', async () => {
    const warn = vi.fn();
    const logger = { ...silentLogger, warn };
    stand = await standOf({ guard: { minReads: 5 }, logger }, { connection });
    await stand.move('replica');
    const { streams } = await jetstreamManager(connection);
    await streams.update(AUDIT_STREAM, { max_msg_size: 16 });
    await trip();
    const error: unknown = expect.stringContaining('BANYAN_AUDIT_UNWRITABLE');
    const refused = ['cannot tell of a trip yet', { edge: stand.name, error }];
    await vi.waitFor(() => expect(warn.mock.calls).toContainEqual(refused), { timeout: 20_000 });
    expect(await lastRecord(stand)).toMatchObject({ stage: 'replica', change: 1 });
    await streams.update(AUDIT_STREAM, { max_msg_size: -1 });
    await isTold();
    const [first, tripped] = await readTrail(connection, { about: stand.name, kind: 'edge' });
    expect(first).toMatchObject({ to: 'replica', outcome: 'made' });
    expect(tripped).toMatchObject({ by: 'guard', from: 'replica', evidence: { reasons: [tripped?.why] } });
    expect(tripped).not.toHaveProperty('lost');
  });
});
