import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '@nats-io/transport-node';
import { startNats, startProxy } from '@banyan/devstack';
import { parseEdge } from './edge-name.js';
import type { EdgeStage } from './edge-stage.js';
import type { StageRecord } from './stage-record.js';
import { STAGE_BUCKET } from './bucket/stage-bucket.js';
import { StageStore, type StageWrite } from './stage-store.js';
import { StageWatch } from './stage-watch.js';
import { QUERY_LADDER, type QueryStage } from './stage.js';

const EDGE = 'tasks -> projects.GetProject';
const NEVER = new Promise<NatsConnection>(() => undefined);

describe('the stage watch of a process', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startNats>>;
  let connection: NatsConnection;
  const watches: StageWatch[] = [];
  const ends: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-watch-'));
    server = await startNats({ dir: join(folder, 'nats'), own: true });
    connection = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  });
  afterEach(async () => {
    await Promise.all(watches.splice(0).map((watch) => watch.stop()));
    for (const end of ends.splice(0)) await end();
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function startWatch(
    process: string,
    through: NatsConnection | Promise<NatsConnection> = connection,
  ): EdgeStage {
    const stateDir = join(folder, process);
    const watch = new StageWatch({ connection: through, stateDir, checkEveryMs: 100 });
    watches.push(watch);
    watch.start();
    return watch.edge({ edge: EDGE, stages: QUERY_LADDER });
  }

  async function change(stage: QueryStage, given: Partial<StageWrite> = {}): Promise<StageRecord> {
    const store = await StageStore.open(connection);
    const expected = (await store.read(parseEdge(EDGE)))?.record?.changeId;
    return store.write(parseEdge(EDGE), {
      stage,
      from: 'call',
      by: 'ann',
      why: 'because',
      expected,
      ...given,
    });
  }

  /** Asked again and again while the broker comes back: a request that falls into a reconnect is lost. */
  const stored = async (): Promise<StageRecord | undefined> =>
    (await (await StageStore.open(connection, { timeoutMs: 500 })).read(parseEdge(EDGE)))?.record;

  const runs = (stage: EdgeStage, expected: Partial<EdgeStage['running']>): Promise<void> =>
    vi.waitFor(() => expect(stage.running).toMatchObject(expected), { timeout: 15_000, interval: 10 });

  it('follows changes made before and after it began', async () => {
    await change('shadow');
    const stage = startWatch('one');
    expect(stage.running.stage).toBe('call');
    await runs(stage, { stage: 'shadow', change: 1, origin: 'store' });
    await change('prefer-replica');
    await runs(stage, { stage: 'prefer-replica', change: 2 });
  });

  it('starts at its last known stage without the broker, and follows once there is one', async () => {
    const before = startWatch('one');
    await change('replica');
    await runs(before, { stage: 'replica' });
    await vi.waitFor(() => expect(before.persisted).toBe(true), { timeout: 10_000 });
    expect(startWatch('one', NEVER).running).toMatchObject({ stage: 'replica', change: 1, origin: 'file' });

    let arrive: (arrived: NatsConnection) => void = () => undefined;
    const late = startWatch('one', new Promise((resolve) => (arrive = resolve)));
    await change('shadow');
    expect(late.running).toMatchObject({ stage: 'replica', origin: 'file' });
    arrive(connection);
    await runs(late, { stage: 'shadow', change: 2, origin: 'store' });
  });

  it('follows on after the broker was killed and came back', async () => {
    const stage = startWatch('one');
    await change('shadow');
    await runs(stage, { change: 1 });
    server.kill();
    expect(stage.running).toMatchObject({ stage: 'shadow', change: 1 });
    await server.restart();
    await vi.waitFor(async () => expect(await stored()).toMatchObject({ change: 1 }), { timeout: 30_000 });
    await change('prefer-replica');
    await runs(stage, { stage: 'prefer-replica', change: 2 });
  });

  it('stays where it is when the broker loses its data, and gives the lost change back', async () => {
    const stage = startWatch('one');
    await change('shadow');
    const lost = await change('prefer-replica');
    await runs(stage, { change: 2 });
    server.kill();
    await server.stop();
    server = await startNats({ dir: join(folder, 'other'), port: server.port, own: true });
    await vi.waitFor(async () => expect(await stored()).toEqual(lost), { timeout: 30_000 });
    expect(stage.running).toMatchObject({ stage: 'prefer-replica', change: 2 });
    await change('replica');
    await runs(stage, { stage: 'replica', change: 3 });
    await runs(startWatch('newcomer'), { stage: 'replica', change: 3 });
  });

  it('holds against an earlier change that stands in a bucket made anew', async () => {
    // Held back meanwhile, or the process itself might be the first to fill the new bucket.
    const proxy = await startProxy({ target: server.url });
    const own = await connect({ servers: proxy.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
    ends.push(async () => {
      proxy.resume();
      await own.close();
      await proxy.close();
    });
    const stage = startWatch('one', own);
    for (const each of ['shadow', 'prefer-replica', 'replica'] as const) await change(each);
    await runs(stage, { change: 3 });
    const seen: string[] = [];
    stage.onChange((now) => seen.push(now.stage));
    proxy.pause();
    await (await new Kvm(connection).open(STAGE_BUCKET)).destroy();
    expect(await change('call')).toMatchObject({ change: 1 });
    proxy.resume();
    await vi.waitFor(async () => expect(await stored()).toMatchObject({ change: 3, stage: 'replica' }), {
      timeout: 30_000,
    });
    expect(seen).toEqual([]);
    await change('prefer-replica');
    await runs(stage, { stage: 'prefer-replica', change: 4 });
  });

  it('is not moved by a deleted or unreadable record', async () => {
    const stage = startWatch('one');
    await change('shadow');
    await runs(stage, { change: 1 });
    const bucket = await new Kvm(connection).open(STAGE_BUCKET);
    await bucket.put(parseEdge(EDGE).key, 'rubbish');
    await vi.waitFor(() => expect(stage.held).toEqual({ reason: 'unreadable' }), { timeout: 10_000 });
    await bucket.delete(parseEdge(EDGE).key);
    await vi.waitFor(async () => expect(await stored()).toMatchObject({ change: 1 }), { timeout: 10_000 });
    expect(stage.running).toMatchObject({ stage: 'shadow', change: 1 });
  });

  it('may be stopped before it began, and twice', async () => {
    const watch = new StageWatch({ connection: NEVER, stateDir: join(folder, 'idle') });
    await watch.stop();
    watch.start();
    await watch.stop();
    await watch.stop();
  });
});
