import { streamOf } from '@banyan/contracts';
import { testNats, uniqueName, type TestNats } from '@banyan/devstack';
import { wait } from '@banyan/runtime';
import { AckPolicy, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestSource, type Renamed } from '../testing/test-source.js';
import { listenTo, type ListenerContext, type ListenerHandler } from './listen-to.js';
import { listener, type Listener } from './listener.js';
import type { ListenerConfig } from './options.js';

let nats: TestNats;
let manager: JetStreamManager;
let source: TestSource;
let listeners: Listener[];
/** What was handled: key and n. */
let heard: string[];

beforeEach(async () => {
  nats = await testNats();
  manager = await jetstreamManager(nats.connection);
  source = new TestSource(nats.connection, uniqueName('projects'));
  listeners = [];
  heard = [];
  await source.createStream();
});

afterEach(async () => {
  await Promise.all(listeners.map((each) => each.stop()));
  await source.deleteStream();
  await nats.close();
});

const nOf = ({ position }: ListenerContext): number => Number(position.split('.')[1]);

const record: ListenerHandler<Renamed> = (data, context) => void heard.push(`${data.id}${nOf(context)}`);

function start(
  handler: ListenerHandler<Renamed> = record,
  config: Partial<ListenerConfig> = {},
  connection = nats.connection,
): Listener {
  const made = listener({
    name: 'test',
    sources: [source.name],
    nats: connection,
    handlers: [listenTo(source.renamed, handler)],
    startAt: 'beginning',
    pollIntervalMs: 20,
    retryFirstDelayMs: 5,
    retryMaxDelayMs: 20,
    ackWaitMs: 500,
    ...config,
  });
  listeners.push(made);
  made.start();
  return made;
}

const eventually = <T>(read: () => T | Promise<T>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 60_000, interval: 10 });

const statusOf = (each: Listener) => each.status.sources[0];

const consumer = () => manager.consumers.info(streamOf(source.name), 'banyan-listener-test');
const pending = async (): Promise<number> => (await consumer()).num_ack_pending;
const pulls = async (): Promise<number> => (await consumer()).num_waiting;

describe('a listener', () => {
  it('handles events in the order of their key, and acknowledges them', async () => {
    await source.send('a', 'b', 'a', 'a', 'b');
    const redelivered = new Set<boolean>();
    start(
      (data, context) => {
        redelivered.add(context.delivery.redelivered);
        return record(data, context);
      },
      { ackWaitMs: 30_000 },
    );
    await eventually(() => heard.filter((each) => each.startsWith('a')), ['a1', 'a3', 'a4']);
    await eventually(() => heard.filter((each) => each.startsWith('b')), ['b2', 'b5']);
    await eventually(pending, 0);
    expect([...redelivered]).toEqual([false]);
  });

  it('begins at new events unless told otherwise', async () => {
    await source.send('a');
    const running = start(record, { startAt: 'new' });
    await eventually(() => statusOf(running)?.state, 'listening');
    await source.send('a');
    await eventually(() => heard, ['a2']);
  });

  it('is sent only the types that it has handlers for', async () => {
    await source.publish(source.next('a', 1, { type: 'ProjectDeleted' }));
    await source.send('a');
    start(record, { ackWaitMs: 30_000 });
    await eventually(() => heard, ['a2']);
    const { delivered } = await manager.consumers.info(streamOf(source.name), 'banyan-listener-test');
    expect(delivered.consumer_seq).toBe(1);
  });

  it('goes on after a stop where it was, and hears of what came meanwhile', async () => {
    await source.send('a');
    const first = start();
    await eventually(() => heard, ['a1']);
    await first.stop();
    await source.send('a', 'b');
    start();
    await eventually(() => heard, ['a1', 'a2', 'b3']);
  });

  it('waits for a stream that is not there yet', async () => {
    await source.deleteStream();
    const running = start();
    await eventually(() => statusOf(running)?.state, 'waiting');
    await source.createStream();
    await source.send('a');
    await eventually(() => heard, ['a1']);
  });

  it('handles keys side by side, as many as it is told', async () => {
    let running = 0;
    let most = 0;
    await source.send('a', 'b', 'c', 'd', 'e');
    const gate = new AbortController();
    const slow: ListenerHandler<Renamed> = async (data, context) => {
      most = Math.max(most, ++running);
      await wait(10_000, gate.signal);
      running -= 1;
      await record(data, context);
    };
    start(slow, { concurrency: 3 });
    await eventually(() => running, 3);
    gate.abort();
    await eventually(() => heard.length, 5);
    expect(most).toBe(3);
  });
});

describe('an event whose handler fails', () => {
  const failing =
    (times: number): ListenerHandler<Renamed> =>
    (data, context) => {
      if (nOf(context) === 1 && context.delivery.attempt <= times) throw new Error('not yet');
      return record(data, context);
    };

  it('is tried again while later ones of its key wait and other keys go on', async () => {
    await source.send('a', 'a', 'b');
    start(
      (data, context) => {
        if (nOf(context) === 1 && (context.delivery.attempt <= 3 || heard.length === 0))
          throw new Error('not yet');
        return record(data, context);
      },
      { maxAttempts: 1000 },
    );
    await eventually(() => heard, ['b3', 'a1', 'a2']);
  });

  it('is given up after the last attempt, told of, and never sent again', async () => {
    const givenUp: [n: number, attempt: number, error: unknown][] = [];
    await source.send('a', 'a');
    const running = start(failing(Infinity), {
      maxAttempts: 3,
      onGivenUp: (context, error) => givenUp.push([nOf(context), context.delivery.attempt, error]),
    });
    await eventually(() => heard, ['a2']);
    expect(givenUp).toEqual([[1, 3, new Error('not yet')]]);
    expect(statusOf(running)).toMatchObject({ handled: 1, failures: 3, givenUp: 1, unhandled: 0 });
    await eventually(pending, 0);
  });

  it('does not hold up the others when what is told of it fails too', async () => {
    await source.send('a', 'a');
    start(failing(Infinity), {
      maxAttempts: 1,
      onGivenUp: () => {
        throw new Error('no mail today');
      },
    });
    await eventually(() => heard, ['a2']);
  });
});

describe('when a process goes away', () => {
  it('finishes what it is at, and leaves the rest to the next one', async () => {
    const gate = new AbortController();
    let begun = false;
    const slow: ListenerHandler<Renamed> = async (data, context) => {
      begun = true;
      await wait(10_000, gate.signal);
      await record(data, context);
    };
    await source.send('a', 'a', 'a');
    const first = start(slow);
    await eventually(() => begun, true);
    const stopped = first.stop();
    gate.abort();
    await stopped;
    expect(heard).toEqual(['a1']);
    start();
    await eventually(() => heard, ['a1', 'a2', 'a3']);
  });

  it('sends again what a killed one had read, marked so, and in order before what is newer', async () => {
    const dying = await testNats();
    const hanging: ListenerHandler<Renamed> = () => new Promise(() => undefined);
    await source.send('a', 'a', 'a');
    start(hanging, { drainMs: 0 }, dying.connection);
    await eventually(pending, 3);
    // Nothing is given back any more, and what comes later is not sent to the dead one before the server has missed it.
    await dying.connection.close();
    await eventually(pulls, 0);
    await source.send('a', 'a');
    const redelivered: boolean[] = [];
    start((data, context) => {
      redelivered.push(context.delivery.redelivered);
      return record(data, context);
    });
    await eventually(() => heard, ['a1', 'a2', 'a3', 'a4', 'a5']);
    // Those after them may have been sent twice as well, if anything stood still for longer than the ack wait.
    expect(redelivered.slice(0, 3)).toEqual([true, true, true]);
  });

  it('keeps an event that takes longer than the ack wait', async () => {
    await source.send('a', 'a');
    let stoodStillMs = 0;
    const slow: ListenerHandler<Renamed> = async (data, context) => {
      for (let i = 0; nOf(context) === 1 && i < 10; i++) {
        const sinceMs = performance.now();
        await wait(250);
        stoodStillMs = Math.max(stoodStillMs, performance.now() - sinceMs - 250);
      }
      await record(data, context);
    };
    start(slow, { ackWaitMs: 2000 });
    await eventually(() => heard, ['a1', 'a2']);
    const { delivered } = await manager.consumers.info(streamOf(source.name), 'banyan-listener-test');
    // It says so every 0.7 s. If all of this process stands still for longer, the broker is right to send it again.
    if (stoodStillMs < 1000) expect(delivered.consumer_seq).toBe(2);
  });
});

describe('the broker', () => {
  it('may lose the stream: of what comes back nothing is handled again, and nothing is missed', async () => {
    const events = [source.next('a'), source.next('b')];
    for (const event of events) await source.publish(event);
    // So long that the stream is there again, with its events, before it is looked for.
    start(record, { startAt: 'new', pollIntervalMs: 1000, retryFirstDelayMs: 1000, retryMaxDelayMs: 1000 });
    await eventually(() => statusOf(listeners[0]!)?.state, 'listening');
    const third = source.next('a');
    await source.publish(third);
    await eventually(() => heard, ['a3']);
    await source.deleteStream();
    await source.createStream();
    for (const event of [...events, third, source.next('b')]) await source.publish(event);
    await eventually(() => heard, ['a3', 'b4']);
  });

  it('changes the consumer for new handlers, and refuses one that was made otherwise', async () => {
    const first = start();
    await source.send('a');
    await eventually(() => heard, ['a1']);
    await first.stop();
    const both = [listenTo(source.renamed, record), listenTo(source.deleted, record)];
    const second = start(record, { handlers: both });
    await source.publish(source.next('a', 1, { type: 'ProjectDeleted' }));
    await eventually(() => heard, ['a1', 'a2']);
    await second.stop();
    const third = start(record, { startAt: 'new' });
    await eventually(() => statusOf(third)?.code, 'BANYAN_LISTENER_CONFLICT');
    expect(statusOf(third)?.because).toMatch(/it began at beginning, and startAt is new/);
  });

  it('is told which settings of a foreign consumer do not fit', async () => {
    await manager.consumers.add(streamOf(source.name), {
      durable_name: 'banyan-listener-test',
      ack_policy: AckPolicy.None,
    });
    const running = start();
    await eventually(() => statusOf(running)?.code, 'BANYAN_LISTENER_CONFLICT');
    expect(statusOf(running)?.because).toMatch(
      /ack policy none, not explicit; it began at nobody knows where/,
    );
  });
});

describe('options', () => {
  it('refuse a source without a handler, and a handler without its source', () => {
    const given = { name: 'test', nats: nats.connection };
    expect(() =>
      listener({ ...given, sources: [source.name, 'other'], handlers: [listenTo(source.renamed, record)] }),
    ).toThrow(/hears other, and has no handler for any event of it/);
    expect(() =>
      listener({ ...given, sources: ['other'], handlers: [listenTo(source.renamed, record)] }),
    ).toThrow(/has a handler for ProjectRenamed of projects\S+, and hears other only/);
  });
});
