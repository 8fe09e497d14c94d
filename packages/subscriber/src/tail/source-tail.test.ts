import { testNats, uniqueName, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestSource } from '../testing/test-source.js';
import type { SourceTailConfig } from './options.js';
import { sourceTail, type SourceTail } from './source-tail.js';

let nats: TestNats;
let source: TestSource;
/** What the tail told, in order: `reset`, the ids of aggregates, and `fresh <ms>`. */
let told: string[];
let tail: SourceTail | undefined;

beforeEach(async () => {
  nats = await testNats();
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
  told = [];
});

afterEach(async () => {
  await tail?.stop();
  await source.deleteStream();
  await nats.close();
});

async function follow(config: Partial<SourceTailConfig> = {}): Promise<SourceTail> {
  tail = sourceTail({
    nats: nats.connection,
    source: source.name,
    onEvents: (events) => void told.push(...events.map(({ aggregateId }) => aggregateId)),
    onReset: () => void told.push('reset'),
    onFresh: (asOfMs) => void told.push(`fresh ${asOfMs}`),
    pollIntervalMs: 20,
    retryFirstDelayMs: 20,
    retryMaxDelayMs: 50,
    ...config,
  });
  tail.start();
  expect(await tail.untilFollowing({ timeoutMs: 15_000 })).toBe(true);
  return tail;
}

const eventually = (expected: unknown): Promise<void> =>
  vi.waitFor(() => expect(told).toEqual(expected), { timeout: 60_000, interval: 10 });

describe('the tail of a source', () => {
  it('begins at the end of the stream, after a reset, and gives each event once, in order', async () => {
    await source.send('old', 'older');
    await follow();
    for (const id of ['a', 'b', 'c', 'a']) await source.publish(source.next(id));
    await eventually(['reset', 'a', 'b', 'c', 'a']);
  });

  it('begins in an empty stream as well, and waits for one that is not there yet', async () => {
    await source.deleteStream();
    const following = follow();
    await vi.waitFor(() => expect(tail?.status.state).toBe('failed'), { timeout: 60_000 });
    await source.createStream();
    await following;
    await source.send('a');
    await eventually(['reset', 'a']);
  });

  it('tells where it begins, and each event’s position', async () => {
    await source.send('old', 'older');
    const positions: unknown[] = [];
    await follow({
      onReset: ({ position, sequence }) => void positions.push({ ...position, sequence }),
      onEvents: (events) =>
        void positions.push(...events.map(({ epoch, n, version }) => [epoch, n, version])),
    });
    await source.publish(source.next('a'));
    await vi.waitFor(
      () => expect(positions).toEqual([{ epoch: 1, n: 2, sequence: 2 }, [1, 3, expect.any(Number)]]),
      {
        timeout: 60_000,
        interval: 10,
      },
    );
  });

  it('tells how fresh it is once the events of a heartbeat were given', async () => {
    await source.send('old');
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await follow({ onEvents: () => held });
    source.beat(1_000);
    await eventually(['reset', 'fresh 1000']);
    await source.send('a');
    source.beat(2_000);
    await nats.connection.flush();
    expect(told).not.toContain('fresh 2000');
    release();
    await eventually(['reset', 'fresh 1000', 'fresh 2000']);
  });

  it('begins anew, with a reset, when an event is missing', async () => {
    await follow();
    await source.publish(source.next('a'));
    await eventually(['reset', 'a']);
    source.next('lost');
    await source.publish(source.next('b'));
    await eventually(['reset', 'a', 'reset']);
    await source.publish(source.next('c'));
    await eventually(['reset', 'a', 'reset', 'c']);
  });

  it('begins anew when the history is another one', async () => {
    await follow();
    await source.publish(source.next('a'));
    await eventually(['reset', 'a']);
    await source.publish(source.next('b'), { epoch: 2 });
    await eventually(['reset', 'a', 'reset']);
  });

  it('begins anew when events are there that do not come, as in a stream that was made anew', async () => {
    await follow({ stalledAfterMs: 300 });
    for (const id of ['a', 'b']) await source.publish(source.next(id));
    await eventually(['reset', 'a', 'b']);
    await source.deleteStream();
    await source.createStream();
    // At a sequence that was passed in the stream before.
    await source.publish(source.next('c'));
    const beating = setInterval(() => source.beat(1_000), 20);
    try {
      await eventually(['reset', 'a', 'b', 'reset', 'fresh 1000']);
    } finally {
      clearInterval(beating);
    }
  });

  it('begins anew when its user fails, for that may have missed something', async () => {
    let failing = true;
    await follow({
      onEvents: (events) => {
        if (failing) throw new Error('not now');
        told.push(...events.map(({ aggregateId }) => aggregateId));
      },
    });
    await source.publish(source.next('a'));
    await eventually(['reset', 'reset']);
    failing = false;
    await source.publish(source.next('b'));
    await eventually(['reset', 'reset', 'b']);
  });
});
