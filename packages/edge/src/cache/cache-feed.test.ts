import { defineEvent } from '@banyan/contracts';
import { testNats, uniqueName, type TestNats } from '@banyan/devstack';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventStream } from '../testing/event-stream.js';
import { cacheFeed, type CacheFeed, type CacheFeedOptions } from './cache-feed.js';
import type { CachedEntry, CacheQuestion, EdgeCache } from './edge-cache.js';
import { invalidateOn } from './invalidate-on.js';
import { memoryCache } from './memory-cache.js';

let nats: TestNats;
let stream: EventStream;
let cache: EdgeCache;
let feed: CacheFeed | undefined;

beforeEach(async () => {
  nats = await testNats();
  stream = new EventStream(nats.connection, uniqueName('projects'));
  await stream.create();
  cache = memoryCache();
});

afterEach(async () => {
  await feed?.stop();
  await stream.delete();
  await nats.close();
});

async function follow(config: Partial<CacheFeedOptions> = {}): Promise<CacheFeed> {
  const options = { cache, nats: nats.connection, sources: [stream.source], pollIntervalMs: 20 };
  feed = cacheFeed({ ...options, stalledAfterMs: 300, ...config });
  await feed.start();
  expect(await feed.untilFollowing({ timeoutMs: 15_000 })).toBe(true);
  return feed;
}

const ANSWER: CachedEntry = { kind: 'found', bytes: Buffer.from('x'), version: 1, asOfMs: 1_000 };

function questionOf(tag: string, notBeforeMs = 0): CacheQuestion {
  return { key: `answer to ${tag}`, source: stream.source, tags: [tag], notBeforeMs };
}

async function fill(...tags: string[]): Promise<void> {
  for (const tag of tags) {
    const found = await cache.lookup(questionOf(tag));
    if (found.kind === 'miss') await found.lease.fill(ANSWER, 60_000);
  }
}

async function kept(...tags: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const tag of tags) if ((await cache.lookup(questionOf(tag))).kind === 'hit') found.push(tag);
  return found;
}

const eventually = (read: () => Promise<unknown>, expected: unknown): Promise<void> =>
  vi.waitFor(async () => expect(await read()).toEqual(expected), { timeout: 15_000, interval: 10 });

describe('the feed of a cache', () => {
  it('drops what events are about, and the lists of their kind, and nothing else', async () => {
    await follow();
    const tags = ['project/a', 'project/b/c', 'project/d', 'project', 'team'];
    await fill(...tags);
    await stream.renamed('a');
    await stream.renamed('b/c');
    await eventually(() => kept(...tags), ['project/d', 'team']);
  });

  it('drops everything when it begins, for it may have missed something before', async () => {
    await fill('project/a');
    await follow();
    expect(await kept('project/a')).toEqual([]);
  });

  it('drops everything after a gap', async () => {
    await stream.renamed('a');
    await follow();
    await fill('project/a');
    stream.lose();
    await stream.renamed('b');
    await eventually(() => kept('project/a'), []);
    expect(cache.status.flushes).toBe(2);
  });

  it('says how fresh the cache is, so that an answer may be used for longer than its own age', async () => {
    await follow();
    await fill('project/a');
    const beforeMs = Date.now();
    const isGood = async (): Promise<boolean> =>
      (await cache.lookup(questionOf('project/a', beforeMs))).kind === 'hit';
    expect(await isGood()).toBe(false);
    stream.beat();
    await eventually(isGood, true);
  });

  it('does not call the cache fresh while one of the shards is not followed', async () => {
    await follow({ sources: [stream.source] });
    stream.beat();
    await eventually(() => Promise.resolve(cache.asOfMs(stream.source) !== undefined), true);
    await feed?.stop();
    cache = memoryCache();
    const missing = `${stream.source}-1`;
    feed = cacheFeed({ cache, nats: nats.connection, sources: [stream.source, missing], pollIntervalMs: 20 });
    await feed.start();
    await vi.waitFor(() => expect(feed?.status[0]?.state).toBe('following'), { timeout: 10_000 });
    for (let i = 0; i < 3; i++) {
      stream.beat();
      await stream.renamed('a');
    }
    await vi.waitFor(() => expect(cache.status.invalidations).toBeGreaterThan(0), { timeout: 10_000 });
    expect(cache.asOfMs(stream.source)).toBeUndefined();
  });

  it('drops answers under other keys as events say, and everything when an event cannot be read', async () => {
    const renamed = defineEvent<{ team: string }>({
      source: stream.source,
      aggregate: 'project',
      type: 'ProjectRenamed',
      codec: {
        encode: () => ({ finish: () => new Uint8Array() }),
        decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as { team: string },
      },
      key: ({ team }) => team,
      version: () => 1,
    });
    await follow({ invalidatedBy: [invalidateOn(renamed, 'team-projects', ({ team }) => [team])] });
    const tags = ['team-projects/t1', 'team-projects/t2', 'project/z'];
    await fill(...tags);
    await stream.renamed('a', JSON.stringify({ team: 't1' }));
    await eventually(() => kept(...tags), ['team-projects/t2', 'project/z']);
    await stream.renamed('a', 'no JSON');
    await eventually(() => kept(...tags), []);
  });
});
