import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '@nats-io/transport-node';
import { startNats } from '@banyan/devstack';
import { STAGE_BUCKET } from '../bucket/stage-bucket.js';
import { Reporter } from '../reporter.js';
import { StageWatch } from '../stage-watch.js';
import { changeFlag } from './change-flag.js';
import type { FlagRecord } from './flag-record.js';
import type { FlagSet } from './flag-set.js';
import { FlagStore } from './flag-store.js';
import { planFlag, type WantedFlag } from './plan-flag.js';

const FLAG = 'orders.by-event';
const NEVER = new Promise<NatsConnection>(() => undefined);

describe('the flags of a process', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startNats>>;
  let connection: NatsConnection;
  const watches: StageWatch[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-flags-'));
    server = await startNats({ dir: join(folder, 'nats'), own: true });
    connection = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  });
  afterEach(async () => {
    await Promise.all(watches.splice(0).map((watch) => watch.stop()));
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function flagsOf(process: string, through: NatsConnection | Promise<NatsConnection> = connection): FlagSet {
    const watch = new StageWatch({
      connection: through,
      stateDir: join(folder, process),
      checkEveryMs: 100,
    });
    watches.push(watch);
    watch.start();
    return watch.flags;
  }

  async function set(
    value: WantedFlag['value'],
    wanted: Omit<WantedFlag, 'value'> = {},
  ): Promise<FlagRecord> {
    const store = await FlagStore.open(connection);
    const now = await store.read(FLAG);
    const move = planFlag(FLAG, now, { value, ...wanted });
    return store.write(FLAG, { move, by: 'ann', why: 'because', expected: now?.changeId });
  }

  const runs = (flags: FlagSet, expected: object): Promise<void> =>
    vi.waitFor(() => expect(flags.answer(FLAG)).toMatchObject(expected), { timeout: 15_000, interval: 10 });

  it('follow changes made before and after it began, and are counted each by itself', async () => {
    await set(true);
    const flags = flagsOf('one');
    expect(flags.answer(FLAG)).toBeUndefined();
    await runs(flags, { value: true, flag: { origin: 'store', record: { change: 1 } } });
    await set(false);
    await runs(flags, { value: false, flag: { record: { change: 2, from: true } } });
    expect(flags.answer('another')).toBeUndefined();
  });

  it('are what they last were where the broker is not', async () => {
    await set(true, { share: 50, keys: ['p7'] });
    const before = flagsOf('one');
    await vi.waitFor(() => expect(before.report()).toMatchObject([{ persisted: true }]), { timeout: 10_000 });
    const after = flagsOf('one', NEVER);
    expect(after.answer(FLAG, 'p7')).toMatchObject({
      value: true,
      reason: 'listed',
      flag: { origin: 'file' },
    });
  });

  it('stay where they are when the broker loses its data, and give the lost change back', async () => {
    const flags = flagsOf('one');
    await set(true);
    const lost = await set(false);
    await runs(flags, { value: false });
    server.kill();
    await server.stop();
    server = await startNats({ dir: join(folder, 'other'), port: server.port, own: true });
    const stored = async (): Promise<unknown> =>
      (await FlagStore.open(connection, { timeoutMs: 500 })).read(FLAG);
    await vi.waitFor(async () => expect(await stored()).toEqual(lost), { timeout: 30_000 });
    expect(flags.answer(FLAG)?.value).toBe(false);
    await set(true);
    await runs(flags, { value: true, flag: { record: { change: 3 } } });
  });

  it('are not moved by what cannot be read, and tell nobody of it', async () => {
    const flags = flagsOf('one');
    await set(true);
    await runs(flags, { value: true });
    const changed = vi.fn();
    flags.onChange(changed);
    const bucket = await new Kvm(connection).open(STAGE_BUCKET);
    await bucket.put(`_flag.${FLAG}`, '{"value":1}');
    await bucket.delete(`_flag.${FLAG}`);
    await vi.waitFor(async () => expect(await (await FlagStore.open(connection)).read(FLAG)).toBeDefined(), {
      timeout: 10_000,
    });
    expect(flags.answer(FLAG)?.value).toBe(true);
    expect(changed).not.toHaveBeenCalled();
  });

  it('are changed for all processes, which are waited for', async () => {
    const flags = flagsOf('one');
    const reporter = new Reporter({ connection, service: 'tasks', edges: [], flags });
    await reporter.start();
    const move = planFlag(FLAG, undefined, { value: true });
    const change = { flag: FLAG, move, by: 'ann', why: 'because' };
    const { record, inForce, missing } = await changeFlag(connection, { ...change, expected: undefined });
    expect(missing).toEqual([]);
    expect(inForce).toHaveLength(1);
    expect(flags.answer(FLAG)).toMatchObject({ value: true, flag: { persisted: true, record } });
    await expect(changeFlag(connection, { ...change, expected: undefined })).rejects.toThrow(
      'BANYAN_STAGE_CONFLICT',
    );
    reporter.stop();
  });
});
