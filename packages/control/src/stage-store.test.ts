import { Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testNats, uniqueName } from '@banyan/devstack';
import { isBanyanError } from '@banyan/runtime';
import { parseEdge, type EdgeName } from './edge-name.js';
import type { StageRecord } from './stage-record.js';
import { STAGE_BUCKET } from './bucket/stage-bucket.js';
import { StageStore, type StageWrite } from './stage-store.js';

const newEdge = (): EdgeName => parseEdge(`${uniqueName('tasks')} -> projects.GetProject`);

function writeOf(expected: string | undefined, given: Partial<StageWrite> = {}): StageWrite {
  return { stage: 'shadow', from: 'call', by: 'ann', why: 'because', expected, ...given };
}

describe('the stage bucket', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let store: StageStore;

  beforeAll(async () => {
    nats = await testNats();
    store = await StageStore.open(nats.connection);
  });
  afterAll(() => nats.close());

  it('counts each edge’s changes by itself and keeps who, why and whence', async () => {
    const [edge, other] = [newEdge(), newEdge()];
    expect(await store.read(edge)).toBeUndefined();
    const first = await store.write(edge, writeOf(undefined));
    await store.write(other, writeOf(undefined));
    const second = await store.write(
      edge,
      writeOf(first.changeId, { stage: 'call', from: 'shadow', forced: true }),
    );
    expect(await store.history(edge)).toEqual([first, second]);
    expect(second).toMatchObject({ change: 2, by: 'ann', why: 'because', from: 'shadow', forced: true });
    expect(await store.list()).toEqual(expect.arrayContaining([second]) as StageRecord[]);
  });

  it('refuses a change that was decided on another one than the last', async () => {
    const edge = newEdge();
    const first = await store.write(edge, writeOf(undefined));
    await expect(store.write(edge, writeOf(undefined))).rejects.toThrow(
      /^BANYAN_STAGE_CONFLICT: .* not none$/,
    );
    await store.write(edge, writeOf(first.changeId));
    await expect(store.write(edge, writeOf(first.changeId))).rejects.toThrow('BANYAN_STAGE_CONFLICT');
  });

  it('lets one of many racing writers win', async () => {
    const edge = newEdge();
    const first = await store.write(edge, writeOf(undefined));
    for (const expected of [undefined, first.changeId]) {
      const target = expected === undefined ? newEdge() : edge;
      const race = await Promise.allSettled(
        Array.from({ length: 10 }, () => store.write(target, writeOf(expected))),
      );
      const lost = race.filter((each) => each.status === 'rejected').map(({ reason }) => reason as unknown);
      expect(lost).toHaveLength(9);
      expect(lost.every((reason) => isBanyanError(reason, 'BANYAN_STAGE_CONFLICT'))).toBe(true);
    }
    expect((await store.history(edge)).map(({ change }) => change)).toEqual([1, 2]);
  });

  it('numbers a change above all that any process has seen', async () => {
    const edge = newEdge();
    expect((await store.write(edge, writeOf(undefined, { highestSeen: 41 }))).change).toBe(42);
  });

  it('finds no record in what it cannot read, and none after a deletion', async () => {
    const edge = newEdge();
    const bucket = await new Kvm(nats.connection).open(STAGE_BUCKET);
    await bucket.put(edge.key, '{"stage":"mirror"}');
    expect(await store.read(edge)).toMatchObject({ record: undefined });
    await bucket.delete(edge.key);
    expect(await store.read(edge)).toBeUndefined();
    expect((await store.write(edge, writeOf(undefined))).change).toBe(1);
  });
});
