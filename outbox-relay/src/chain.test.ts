import { streamOf, subjectsOf } from '@banyan/contracts';
import { testNats, uniqueName, type TestNats } from '@banyan/devstack';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Chain } from './chain.js';
import type { OutgoingMessage } from './message.js';
import { WrittenHeaders } from './written-headers.js';

let nats: TestNats;
let manager: JetStreamManager;
let source: string;
let connections: NatsConnection[];
let chains: Chain[];

beforeEach(async () => {
  nats = await testNats();
  manager = await jetstreamManager(nats.connection);
  source = uniqueName('projects');
  connections = [];
  chains = [];
  await manager.streams.add({ name: streamOf(source), subjects: [subjectsOf(source)] });
});

afterEach(async () => {
  for (const chain of chains) chain.close();
  await Promise.all(connections.map((connection) => connection.close()));
  await manager.streams.delete(streamOf(source)).catch(() => undefined);
  await nats.close();
});

async function open(tail = { sequence: 0, n: 0 }, maxInFlight = 100): Promise<Chain> {
  const connection = await connect({ servers: nats.url });
  connections.push(connection);
  const chain = new Chain(connection, tail, { maxInFlight, maxInFlightBytes: 1 << 20, ackTimeoutMs: 60_000 });
  chains.push(chain);
  return chain;
}

const message = (n: number): OutgoingMessage => ({
  n,
  subject: `evt.${source}.project.ProjectRenamed.07`,
  headers: new WrittenHeaders(`ce-id: ${n}\r\n`),
  payload: new Uint8Array(10),
});

async function send(chain: Chain, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    const room = chain.room(10);
    if (room !== undefined) await room;
    chain.send(message(n));
  }
}

const stored = async (): Promise<number> => (await manager.streams.info(streamOf(source))).state.messages;

it('stores what is sent, in order, and knows when', async () => {
  const chain = await open();
  await send(chain, 1, 500);
  await chain.settled();
  expect(chain.ackedN).toBe(500);
  expect(await stored()).toBe(500);
});

it('never has more in flight than it may', async () => {
  const chain = await open({ sequence: 0, n: 0 }, 8);
  for (let n = 1; n <= 100; n++) {
    const room = chain.room(10);
    if (room !== undefined) await room;
    chain.send(message(n));
    expect(chain.inFlight).toBeLessThanOrEqual(8);
  }
  await chain.settled();
  expect(await stored()).toBe(100);
});

it('lets a stale one write nothing but the next event, however much it sends', async () => {
  const stale = await open();
  await send(stale, 1, 3);
  await stale.settled();
  const leader = await open({ sequence: 3, n: 3 });
  await send(leader, 4, 4);
  await leader.settled();
  await send(stale, 4, 50);
  await expect(stale.settled()).rejects.toThrow(
    /BANYAN_FENCED: wrong last sequence: \d+ \(400\/10071\) at n 4/,
  );
  expect(stale.ackedN).toBe(3);
  // What was in flight behind the refusal may have landed: each event in its own place, and none twice.
  const last = await stored();
  for (let n = 1; n <= last; n++) {
    expect((await manager.streams.getMessage(streamOf(source), { seq: n }))?.header.get('ce-id')).toBe(
      String(n),
    );
  }
});

it('writes nothing when the stream has lost its tail', async () => {
  const stale = await open({ sequence: 7, n: 7 });
  await send(stale, 8, 50);
  await expect(stale.settled()).rejects.toThrow(/BANYAN_FENCED/);
  expect(await stored()).toBe(0);
});

it('stays failed: what became of the rest is for a new one to find out', async () => {
  const stale = await open({ sequence: 7, n: 7 });
  await send(stale, 8, 8);
  await expect(stale.settled()).rejects.toThrow(/BANYAN_FENCED/);
  expect(() => stale.send(message(9))).toThrow(/BANYAN_FENCED/);
  expect(() => stale.room(10)).toThrow(/BANYAN_FENCED/);
});

it('fails at once when no stream is there', async () => {
  await manager.streams.delete(streamOf(source));
  const chain = await open();
  await send(chain, 1, 3);
  await expect(chain.settled()).rejects.toThrow(/BANYAN_PUBLISH_FAILED: no stream listens/);
});
