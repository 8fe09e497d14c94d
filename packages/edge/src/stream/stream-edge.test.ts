import { setImmediate } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BanyanError, TokenScope } from '@banyan/runtime';
import { testNats, uniqueName } from '@banyan/devstack';
import { outcomeOf, StreamStand, type Item, type StreamSettings } from '../testing/stream-stand.js';

const NEVER = new Promise<never>(() => undefined);

let nats: Awaited<ReturnType<typeof testNats>>;
let stand: StreamStand;
let others: StreamStand[] = [];

const newStand = (settings: StreamSettings = {}): StreamStand =>
  new StreamStand(`${uniqueName('tasks')} -> items.ListItems`, nats.connection, settings);

async function startStand(settings: StreamSettings): Promise<StreamStand> {
  const other = newStand(settings);
  await other.start();
  others.push(other);
  return other;
}

beforeAll(async () => {
  nats = await testNats();
});
beforeEach(async () => {
  stand = newStand();
  await stand.start();
});
afterEach(async () => {
  await Promise.all([stand, ...others].map((each) => each.stop()));
  others = [];
});
afterAll(() => nats.close());

const range = (count: number, of: Item['of']): Item[] =>
  Array.from({ length: count }, (_, i) => ({ n: i + 1, of }));

describe('a stream at its stages', () => {
  it('comes whole and in order from the stage’s side, and is counted', async () => {
    expect(await outcomeOf(stand.list(100))).toEqual({ items: range(100, 'provider'), error: undefined });
    expect(stand.evidence()).toMatchObject({ stage: 'call', calls: { ok: 1, byReplica: 0 } });
    for (const stage of ['prefer-replica', 'replica'] as const) {
      await stand.move(stage);
      expect(await outcomeOf(stand.list(100))).toEqual({ items: range(100, 'replica'), error: undefined });
      expect(stand.evidence()).toMatchObject({ stage, calls: { ok: 1, failed: 0, byReplica: 1 } });
    }
    expect(stand.calls).toBe(1);
    expect(stand.replica.returned).toBe(0);
    await expect.poll(() => stand.edge.openReads).toBe(0);
  });

  it('may be empty, or an array', async () => {
    await stand.move('replica');
    expect(await outcomeOf(stand.list(0))).toEqual({ items: [], error: undefined });
    stand.replica.read = ({ count }) => range(count, 'replica');
    expect(await outcomeOf(stand.list(3))).toEqual({ items: range(3, 'replica'), error: undefined });
  });

  it('is not felt when the provider is down and the stage is replica', async () => {
    await stand.move('replica');
    stand.stopProvider();
    expect((await outcomeOf(stand.list(3))).items).toEqual(range(3, 'replica'));
  });

  it('of something that is not there ends with NOT_FOUND, or is the provider’s to answer', async () => {
    stand.replica.read = () => undefined;
    await stand.move('prefer-replica');
    expect((await outcomeOf(stand.list(2))).items).toEqual(range(2, 'provider'));
    await stand.move('replica');
    expect((await outcomeOf(stand.list(2))).error?.code).toBe(status.NOT_FOUND);
    expect(stand.evidence().fallbacks.missing).toBe(1);
  });
});

describe('a slow reader', () => {
  it('has 10,000 messages drawn for it no further ahead than grpc-js reads', async () => {
    await stand.move('replica');
    const stream = stand.list(10_000);
    // What grpc-js asks for unread: its buffer, and one in each hand.
    const ahead = stream.readableHighWaterMark + 2;
    let furthest = 0;
    let read = 0;
    const { items } = await outcomeOf(stream, async () => {
      read += 1;
      if (read % 50 === 0) await setImmediate();
      furthest = Math.max(furthest, stand.replica.drawn - read);
    });
    expect(items).toEqual(range(10_000, 'replica'));
    expect(furthest).toBeLessThanOrEqual(ahead);
  });

  it('that reads nothing has one buffer drawn, however long it waits', async () => {
    await stand.move('replica');
    const stream = stand.list(10_000);
    stream.read(0);
    await expect.poll(() => stand.replica.drawn).toBeGreaterThan(0);
    for (let turn = 0; turn < 1_000; turn += 1) await setImmediate();
    expect(stand.replica.drawn).toBeLessThanOrEqual(stream.readableHighWaterMark + 2);
    stream.on('error', () => undefined).cancel();
  });

  it('leaves timers and sockets their turn when replica and reader never pause', async () => {
    await stand.move('replica');
    stand.replica.read = ({ count }) => range(count, 'replica');
    let turns = 0;
    const over = new AbortController();
    const turning = (async () => {
      for (; !over.signal.aborted; turns += 1) await setImmediate();
    })();
    const { items } = await outcomeOf(stand.list(10_000));
    over.abort();
    await turning;
    expect(items.length).toBe(10_000);
    expect(turns).toBeGreaterThan(50);
  });
});

describe('a caller that leaves', () => {
  it('by cancelling in the middle ends the iteration', async () => {
    await stand.move('replica');
    const stream = stand.list(10_000);
    const { items, error } = await outcomeOf(stream, ({ n }) => {
      if (n === 20) stream.cancel();
    });
    expect(error?.code).toBe(status.CANCELLED);
    expect(items.length).toBeLessThan(100);
    await expect.poll(() => stand.replica.returned).toBe(1);
    expect(stand.evidence().calls).toMatchObject({ failed: 1, byReplica: 1 });
    await expect.poll(() => stand.edge.openReads).toBe(0);
  });

  it('by its deadline ends the iteration, also of a replica that hangs, and tells it', async () => {
    const aborted: boolean[] = [];
    stand.replica.before = (n, { signal }) => {
      if (n < 3) return undefined;
      return new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => {
          aborted.push(true);
          resolve();
        }),
      );
    };
    for (const stage of ['prefer-replica', 'replica'] as const) {
      await stand.move(stage);
      const { items, error } = await outcomeOf(stand.list(10, { deadline: Date.now() + 400 }));
      expect(items).toEqual(range(2, 'replica'));
      expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    }
    expect(aborted).toEqual([true, true]);
    await expect.poll(() => stand.edge.openReads).toBe(0);
  });

  it('while it does not read is told of its deadline all the same', async () => {
    await stand.move('replica');
    const stream = stand.list(10_000, { deadline: Date.now() + 200 });
    const error = await new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
    await expect.poll(() => stand.replica.returned).toBe(1);
  });
});

describe('a replica that fails', () => {
  it('before its first message leaves the stream to the provider at prefer-replica, and is counted', async () => {
    await stand.move('prefer-replica');
    const faults = {
      error: () => (stand.replica.before = () => Promise.reject(new Error('no database'))),
      timeout: () => (stand.replica.before = () => NEVER),
      stale: () => (stand.replica.ageMs = 60_000),
    };
    for (const [reason, begin] of Object.entries(faults)) {
      begin();
      expect((await outcomeOf(stand.list(5))).items).toEqual(range(5, 'provider'));
      expect(stand.evidence().fallbacks).toMatchObject({ [reason]: 1 });
    }
  });

  it('after its first message ends the stream: nobody gets the beginning twice', async () => {
    stand.replica.before = (n) => (n === 4 ? Promise.reject(new Error('connection lost')) : undefined);
    for (const stage of ['prefer-replica', 'replica'] as const) {
      await stand.move(stage);
      const { items, error } = await outcomeOf(stand.list(10));
      expect(items).toEqual(range(3, 'replica'));
      expect(error).toMatchObject({ code: status.UNAVAILABLE });
      expect(error?.details).toMatch(/BANYAN_REPLICA_FAILED.*after 3 messages/);
      expect(stand.evidence()).toMatchObject({ calls: { failed: 1, byReplica: 1 }, fallbacks: { error: 1 } });
    }
    expect(stand.calls).toBe(0);
  });

  it('by hanging in the middle ends the stream after messageTimeoutMs', async () => {
    const other = await startStand({ messageTimeoutMs: 100 });
    await other.move('replica');
    other.replica.before = (n) => (n === 2 ? NEVER : undefined);
    const { items, error } = await outcomeOf(other.list(5));
    expect(items).toEqual(range(1, 'replica'));
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(other.evidence().fallbacks.timeout).toBe(1);
    // It never let go, so it still counts.
    expect(other.edge.openReads).toBe(1);
  });

  it('or is stale, refuses at replica with the age it has', async () => {
    await stand.move('replica');
    stand.replica.ageMs = 60_000;
    const { error } = await outcomeOf(stand.list(1));
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(error?.details).toMatch(/BANYAN_REPLICA_STALE.* ms old, the budget is 30000 ms/);
  });

  it('with all its streams taken is busy', async () => {
    const other = await startStand({ maxReads: 1 });
    await other.move('replica');
    const first = other.list(10_000).on('error', () => undefined);
    await expect.poll(() => other.edge.openReads).toBe(1);
    expect((await outcomeOf(other.list(1))).error?.details).toMatch(/\(busy\)/);
    first.cancel();
    await expect.poll(() => other.edge.openReads).toBe(0);
    expect((await outcomeOf(other.list(1))).items.length).toBe(1);
  });
});

describe('a caller with tokens', () => {
  it('gets no stream older than what it has seen, whichever item that was', async () => {
    const source = uniqueName('items');
    const other = await startStand({ tokens: { source, waitMs: 20, settleMs: 60_000 } });
    await other.move('prefer-replica');
    const scope = new TokenScope();
    scope.saw({ source, aggregate: 'item', id: 'i1', version: 2 });
    const { items } = await scope.run(() => outcomeOf(other.list(2)));
    expect(items).toEqual(range(2, 'provider'));
    expect(other.evidence().fallbacks.token).toBe(1);
  });

  it('has seen each message that it got, whoever answered', async () => {
    const source = uniqueName('items');
    const shows = ({ n }: Item) => [{ key: `item/${n}`, version: n }];
    const other = await startStand({ tokens: { source, shows } });
    for (const stage of ['call', 'replica'] as const) {
      if (stage !== 'call') await other.move(stage);
      const scope = new TokenScope();
      await scope.run(() => outcomeOf(other.list(3)));
      expect([1, 2, 3].map((n) => scope.seen.get(source, `item/${n}`)?.version)).toEqual([1, 2, 3]);
    }
  });
});

describe('what cannot be a stream edge', () => {
  const making = (settings: object) => (): unknown => newStand(settings);

  it('is refused: other stages, unary methods, methods that may have side effects', () => {
    expect(making({ supports: ['call', 'cache'] })).toThrow(/has no stage cache/);
    expect(making({ supports: ['call', 'shadow'] })).toThrow(/has no stage shadow/);
    expect(making({ cache: {} })).toThrow(BanyanError);
    expect(making({ sideEffectFree: false })).toThrow(/not declared NO_SIDE_EFFECTS/);
    expect(making({ method: { path: '/a/b', requestStream: false, responseStream: false } })).toThrow(
      /server-streaming/,
    );
  });
});
