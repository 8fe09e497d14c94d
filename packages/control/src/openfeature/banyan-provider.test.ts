import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { OpenFeature, ProviderEvents, ServerProviderStatus, type Client } from '@openfeature/server-sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startNats } from '@banyan/devstack';
import { parseEdge } from '../edge-name.js';
import { FlagStore } from '../flag/flag-store.js';
import { planFlag, type WantedFlag } from '../flag/plan-flag.js';
import { inShare } from '../ramp.js';
import { StageStore } from '../stage-store.js';
import { StageWatch } from '../stage-watch.js';
import { QUERY_LADDER, type QueryStage } from '../stage.js';
import { banyanProvider } from './banyan-provider.js';

const EDGE = 'tasks -> projects.GetProject';
const FLAG = 'orders.by-event';
const NEVER = new Promise<NatsConnection>(() => undefined);
const KEYS = Array.from({ length: 100 }, (_, i) => `p${i}`);

describe('the OpenFeature provider', () => {
  let folder: string;
  let server: Awaited<ReturnType<typeof startNats>>;
  let connection: NatsConnection;
  let domain = 0;
  const watches: StageWatch[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'banyan-openfeature-'));
    server = await startNats({ dir: join(folder, 'nats'), own: true });
    connection = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  });
  afterEach(async () => {
    await OpenFeature.close();
    await Promise.all(watches.splice(0).map((watch) => watch.stop()));
    await connection.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function clientOf(
    process: string,
    through: NatsConnection | Promise<NatsConnection> = connection,
  ): Promise<Client> {
    const stateDir = join(folder, process);
    const stages = new StageWatch({ connection: through, stateDir, checkEveryMs: 100 });
    watches.push(stages);
    stages.start();
    stages.edge({ edge: EDGE, stages: QUERY_LADDER, rampBy: 'project' });
    const name = `${process}-${(domain += 1)}`;
    await OpenFeature.setProviderAndWait(name, banyanProvider({ stages, readyTimeoutMs: 30_000 }));
    return OpenFeature.getClient(name);
  }

  async function set(value: WantedFlag['value'], wanted: Omit<WantedFlag, 'value'> = {}): Promise<void> {
    const store = await FlagStore.open(connection);
    const now = await store.read(FLAG);
    const move = planFlag(FLAG, now, { value, ...wanted });
    await store.write(FLAG, { move, by: 'ann', why: 'because', expected: now?.changeId });
  }

  async function move(stage: QueryStage, share = 100): Promise<void> {
    const store = await StageStore.open(connection);
    const expected = (await store.read(parseEdge(EDGE)))?.record?.changeId;
    const write = { stage, from: 'call' as const, share, by: 'ann', why: 'because', expected };
    await store.write(parseEdge(EDGE), write);
  }

  /** The next change that the client is told. */
  function changed(client: Client): Promise<readonly string[]> {
    return new Promise((resolve) => {
      client.addHandler(ProviderEvents.ConfigurationChanged, (details) =>
        resolve(details?.flagsChanged ?? []),
      );
    });
  }

  it('is ready with the values of the bucket, and tells the flags that change', async () => {
    await set(true);
    const client = await clientOf('one');
    expect(client.providerStatus).toBe(ServerProviderStatus.READY);
    expect(await client.getBooleanDetails(FLAG, false)).toMatchObject({
      value: true,
      variant: 'true',
      reason: 'STATIC',
      flagMetadata: { change: 1, origin: 'store' },
    });
    const told = changed(client);
    await set(false);
    expect(await told).toEqual([FLAG]);
    expect(await client.getBooleanValue(FLAG, true)).toBe(false);
  });

  it('serves the stages of the edges that the process has declared, moved by key as their calls are', async () => {
    const client = await clientOf('one');
    expect(await client.getStringDetails(EDGE, 'none')).toMatchObject({
      value: 'call',
      flagMetadata: { change: 0, origin: 'floor', kind: 'query' },
    });
    const told = changed(client);
    await move('prefer-replica', 30);
    expect(await told).toEqual([EDGE]);
    for (const targetingKey of KEYS) {
      const moved = inShare(30, 'project', targetingKey);
      expect(
        await client.getStringDetails('tasks:projects.GetProject', 'none', { targetingKey }),
      ).toMatchObject({
        value: moved ? 'prefer-replica' : 'call',
        reason: 'SPLIT',
        flagMetadata: { change: 1, share: 30, rampBy: 'project' },
      });
    }
    expect(await client.getStringDetails(EDGE, 'none')).toMatchObject({ value: 'call', reason: 'DEFAULT' });
  });

  it('targets listed keys, and never takes a value from a key that has it while the share is raised', async () => {
    await set('event', { others: 'call', keys: ['p7'] });
    const client = await clientOf('one');
    const detailsOf = (targetingKey: string) => client.getStringDetails(FLAG, '', { targetingKey });
    expect(await detailsOf('p7')).toMatchObject({ value: 'event', reason: 'TARGETING_MATCH' });
    expect(await detailsOf('p8')).toMatchObject({ value: 'call', reason: 'DEFAULT' });
    let before: string[] = ['p7'];
    for (const share of [10, 40, 80]) {
      const told = changed(client);
      await set('event', { share });
      await told;
      const details = await Promise.all(KEYS.map(detailsOf));
      const moved = KEYS.filter((_, i) => details[i]?.value === 'event');
      expect(moved).toEqual(expect.arrayContaining(before));
      expect(moved.length).toBeGreaterThan(before.length);
      before = moved;
    }
  });

  it('gives the default with the code of the error, and never throws', async () => {
    await set(true);
    const client = await clientOf('one');
    expect(await client.getBooleanDetails('unknown', true)).toMatchObject({
      value: true,
      reason: 'ERROR',
      errorCode: 'FLAG_NOT_FOUND',
    });
    expect(await client.getStringDetails('tasks -> teams.GetTeam', 'none')).toMatchObject({
      value: 'none',
      errorCode: 'FLAG_NOT_FOUND',
      errorMessage: expect.stringContaining('has not declared'),
    });
    const mismatch = { errorCode: 'TYPE_MISMATCH' };
    expect(await client.getStringDetails(FLAG, 'none')).toMatchObject({ value: 'none', ...mismatch });
    expect(await client.getBooleanDetails(EDGE, true)).toMatchObject({ value: true, ...mismatch });
    expect(await client.getNumberDetails(FLAG, 7)).toMatchObject({ value: 7, ...mismatch });
    expect(await client.getObjectDetails(FLAG, { a: 1 })).toMatchObject({ value: { a: 1 }, ...mismatch });
    const context = JSON.parse('{"targetingKey":7}') as { targetingKey: string };
    expect(await client.getBooleanDetails(FLAG, false, context)).toMatchObject({
      errorCode: 'INVALID_CONTEXT',
    });
  });

  it('is stale while the broker is away, serves what it knew, and is ready again after', async () => {
    await set(true);
    const client = await clientOf('one');
    const states: string[] = [];
    client.addHandler(ProviderEvents.Stale, () => void states.push('stale'));
    server.kill();
    await server.stop();
    await vi.waitFor(() => expect(states).toEqual(['stale']), { timeout: 30_000 });
    expect(client.providerStatus).toBe(ServerProviderStatus.STALE);
    expect(await client.getBooleanDetails(FLAG, false)).toMatchObject({ value: true, reason: 'STALE' });
    client.addHandler(ProviderEvents.Ready, () => void states.push('ready'));
    await server.restart();
    await vi.waitFor(() => expect(client.providerStatus).toBe(ServerProviderStatus.READY), {
      timeout: 30_000,
    });
    expect(states.slice(0, 2)).toEqual(['stale', 'ready']);
    const told = changed(client);
    await set(false);
    await told;
    expect(await client.getBooleanDetails(FLAG, true)).toMatchObject({ value: false, reason: 'STATIC' });
  });

  it('starts stale without a broker, on what the process knew last', async () => {
    await set(true);
    await move('shadow');
    const before = await clientOf('one');
    await vi.waitFor(async () => expect(await before.getStringValue(EDGE, '')).toBe('shadow'), {
      timeout: 10_000,
    });
    await OpenFeature.close();
    await Promise.all(watches.splice(0).map((watch) => watch.stop()));

    const stages = new StageWatch({ connection: NEVER, stateDir: join(folder, 'one') });
    watches.push(stages);
    stages.start();
    stages.edge({ edge: EDGE, stages: QUERY_LADDER });
    await OpenFeature.setProviderAndWait('alone', banyanProvider({ stages, readyTimeoutMs: 0 }));
    const client = OpenFeature.getClient('alone');
    await vi.waitFor(() => expect(client.providerStatus).toBe(ServerProviderStatus.STALE), {
      timeout: 10_000,
    });
    const known = { reason: 'STALE', flagMetadata: { change: 1, origin: 'file' } };
    expect(await client.getBooleanDetails(FLAG, false)).toMatchObject({ value: true, ...known });
    expect(await client.getStringDetails(EDGE, '')).toMatchObject({ value: 'shadow', ...known });
  });
});
