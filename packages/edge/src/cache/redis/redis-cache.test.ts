import { testRedis } from '@banyan/devstack';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CachedEntry, CacheQuestion, EdgeCache, Lease } from '../edge-cache.js';
import { redisCache } from './redis-cache.js';

const redis = await testRedis();
afterAll(() => redis?.stop());

const QUESTION: CacheQuestion = { key: 'get a', source: 'projects', tags: ['project/a'], notBeforeMs: 0 };
const ANSWER: CachedEntry = { kind: 'found', bytes: Buffer.from('a'), version: 1, asOfMs: 1_000 };

describe.skipIf(redis === undefined)('a Redis that processes share', () => {
  let prefix: string;
  let caches: EdgeCache[];
  let one: EdgeCache;
  let other: EdgeCache;

  const open = (feedTimeoutMs = 30_000): EdgeCache => redisCache({ url: redis!.url, prefix, feedTimeoutMs });

  beforeEach(async () => {
    prefix = crypto.randomUUID();
    [one, other] = [open(), open()];
    caches = [one, other];
    for (const cache of caches) await vi.waitFor(() => cache.lookup(QUESTION), { timeout: 10_000 });
  });
  afterEach(() => Promise.all(caches.map((cache) => cache.close())));

  async function lease(cache: EdgeCache): Promise<Lease> {
    const found = await cache.lookup(QUESTION);
    if (found.kind === 'hit') throw new Error('it is there');
    return found.lease;
  }

  const fill = async (cache: EdgeCache): Promise<boolean> => (await lease(cache)).fill(ANSWER, 60_000);
  const has = async (cache: EdgeCache): Promise<boolean> => (await cache.lookup(QUESTION)).kind === 'hit';

  it('gives one process what another one has kept', async () => {
    await fill(one);
    expect(await other.lookup(QUESTION)).toEqual({
      kind: 'hit',
      entry: { ...ANSWER, bytes: expect.anything() },
    });
  });

  it('refuses the fill of one process when another one heard of the event', async () => {
    const held = await lease(one);
    await other.invalidate('projects', ['project/a']);
    expect(await held.fill(ANSWER, 60_000)).toBe(false);
    await fill(one);
    await other.flush('projects');
    expect(await has(one)).toBe(false);
  });

  it('ends leases that are older than its restart', async () => {
    const held = await lease(one);
    redis!.process.kill();
    await redis!.process.exited;
    await expect(Promise.resolve(other.lookup(QUESTION))).rejects.toThrow();
    await redis!.process.restart();
    for (const cache of caches) await vi.waitFor(() => cache.lookup(QUESTION), { timeout: 10_000 });
    expect(await held.fill(ANSWER, 60_000)).toBe(false);
    expect(await fill(one)).toBe(true);
  });

  it('drops everything when it knows less than a process has told it, as after a failover', async () => {
    await one.advance('projects', 5_000);
    redis!.process.kill();
    await redis!.process.exited;
    await redis!.process.restart();
    for (const cache of caches) await vi.waitFor(() => cache.lookup(QUESTION), { timeout: 10_000 });
    await fill(other);
    await one.advance('projects', 6_000);
    expect(await has(other)).toBe(false);
    expect(one.status.flushes).toBe(1);
    await fill(other);
    await one.advance('projects', 7_000);
    expect(await has(other)).toBe(true);
  });

  it('fails an invalidation that it does not answer, so that the feed begins anew', async () => {
    const hasty = open(300);
    caches.push(hasty);
    await vi.waitFor(() => hasty.lookup(QUESTION), { timeout: 10_000 });
    redis!.process.kill('SIGSTOP');
    try {
      await expect(Promise.resolve(hasty.invalidate('projects', ['project/a']))).rejects.toThrow(
        /BANYAN_CACHE_FAILED: .* no answer in 300 ms/,
      );
    } finally {
      redis!.process.kill('SIGCONT');
    }
  });
});
