import { streamOf } from '@banyan/contracts';
import { testNats, uniqueName, type TestNats } from '@banyan/devstack';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestSource } from '../testing/test-source.js';
import { streamPast } from './stream-past.js';

let nats: TestNats;
let source: TestSource;

beforeEach(async () => {
  nats = await testNats();
  source = new TestSource(nats.connection, uniqueName('projects'));
  await source.createStream();
});

afterEach(async () => {
  await source.deleteStream();
  await nats.close();
});

const read = async (fromN: number, toN: number, near = { n: toN, sequence: toN }) =>
  (await streamPast(nats.connection, source.name, { epoch: 1, fromN, toN, near }))?.map(({ n }) => n);

describe('the past of a stream', () => {
  it('is read by position, in order', async () => {
    for (let i = 0; i < 10; i++) await source.publish(source.next('a'));
    expect(await read(3, 7, { n: 10, sequence: 10 })).toEqual([3, 4, 5, 6, 7]);
    expect(await read(1, 1)).toEqual([1]);
  });

  it('is not given in part: what has expired, and what is not where it must be, is gone', async () => {
    for (let i = 0; i < 10; i++) await source.publish(source.next('a'));
    await (await jetstreamManager(nats.connection)).streams.purge(streamOf(source.name), { seq: 4 });
    expect(await read(3, 7)).toBeUndefined();
    expect(await read(5, 7, { n: 10, sequence: 9 })).toBeUndefined();
    expect(await read(4, 7)).toEqual([4, 5, 6, 7]);
  });

  it('is not given where an event is missing in the middle', async () => {
    for (let i = 0; i < 3; i++) await source.publish(source.next('a'));
    source.next('lost');
    for (let i = 0; i < 3; i++) await source.publish(source.next('a'));
    expect(await read(2, 6, { n: 7, sequence: 6 })).toBeUndefined();
  });
});
