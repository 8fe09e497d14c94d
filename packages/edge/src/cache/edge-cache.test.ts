import { testRedis } from '@banyan/devstack';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CachedEntry, CacheQuestion, EdgeCache, Lease, Lookup } from './edge-cache.js';
import { memoryCache } from './memory-cache.js';
import { redisCache } from './redis/redis-cache.js';

const redis = await testRedis();
afterAll(() => redis?.stop());

/** What each kind of cache must do. `open` opens one for a place of its own. */
type Kind = [name: string, open: (place: string) => EdgeCache];

const KINDS: Kind[] = [['memory', () => memoryCache()]];
if (redis !== undefined) KINDS.push(['Redis', (prefix) => redisCache({ url: redis.url, prefix })]);

const TTL_MS = 60_000;

function question(given: Partial<CacheQuestion> = {}): CacheQuestion {
  return { key: 'get a', source: 'projects', tags: ['project/a'], notBeforeMs: 0, ...given };
}

function entry(words: string, given: Partial<CachedEntry> = {}): CachedEntry {
  return { kind: 'found', bytes: Buffer.from(words), version: 1, asOfMs: 1_000, ...given };
}

function leaseOf(lookup: Lookup): Lease {
  if (lookup.kind === 'hit') throw new Error(`hit: ${Buffer.from(lookup.entry.bytes).toString()}`);
  return lookup.lease;
}

describe.each(KINDS)('a cache in %s', (name, open) => {
  let cache: EdgeCache;

  beforeEach(async () => {
    cache = open(`${name}-${crypto.randomUUID()}`);
    await vi.waitFor(() => cache.lookup(question({ key: 'is it there' })), { timeout: 10_000 });
  });
  afterEach(() => cache.close());

  const look = async (given: Partial<CacheQuestion> = {}): Promise<Lookup> => cache.lookup(question(given));
  const lease = async (given: Partial<CacheQuestion> = {}): Promise<Lease> => leaseOf(await look(given));
  const fill = async (words: string, given: Partial<CacheQuestion> = {}): Promise<boolean> =>
    (await lease(given)).fill(entry(words), TTL_MS);
  const words = async (given: Partial<CacheQuestion> = {}): Promise<string | undefined> => {
    const found = await look(given);
    return found.kind === 'hit' ? Buffer.from(found.entry.bytes).toString() : undefined;
  };

  it('gives back what it was filled with', async () => {
    const absent = entry('no project a', { kind: 'not-found', version: undefined });
    expect(await fill('an answer')).toBe(true);
    expect(await look()).toEqual({ kind: 'hit', entry: { ...entry('an answer'), bytes: expect.anything() } });
    expect(await words()).toBe('an answer');
    await (await lease({ key: 'get b' })).fill(absent, TTL_MS);
    expect(await look({ key: 'get b' })).toMatchObject({ entry: { kind: 'not-found', version: undefined } });
  });

  it('forgets what was invalidated by one of its tags, and keeps the rest', async () => {
    await fill('a');
    await fill('b', { key: 'get b', tags: ['project/b'] });
    await fill('all', { key: 'list', tags: ['project'] });
    await cache.invalidate('projects', ['project/a', 'project']);
    expect([await words(), await words({ key: 'list', tags: ['project'] })]).toEqual([undefined, undefined]);
    expect(await words({ key: 'get b', tags: ['project/b'] })).toBe('b');
  });

  it('keeps what has the same tag of another source', async () => {
    await fill('a');
    await cache.invalidate('teams', ['project/a']);
    await cache.flush('teams');
    expect(await words()).toBe('a');
  });

  it('refuses a fill whose key was invalidated after the miss', async () => {
    const held = await lease();
    await cache.invalidate('projects', ['project/a']);
    expect(await held.fill(entry('of before'), TTL_MS)).toBe(false);
    expect(await words()).toBeUndefined();
    expect(await fill('of after')).toBe(true);
    expect(await words()).toBe('of after');
  });

  it('refuses it also when somebody else has filled it anew in between', async () => {
    const held = await lease();
    await cache.invalidate('projects', ['project/a']);
    await fill('of after');
    expect(await held.fill(entry('of before'), TTL_MS)).toBe(false);
    expect(await words()).toBe('of after');
  });

  it('refuses all fills that began before a flush, and drops what it has of the source', async () => {
    await fill('a');
    const held = await lease({ key: 'get b', tags: ['project/b'] });
    await cache.flush('projects');
    expect(await words()).toBeUndefined();
    expect(await held.fill(entry('b'), TTL_MS)).toBe(false);
  });

  it('gives leases between which nothing was invalidated the same stamp, others another', async () => {
    const stamps = [(await lease()).stamp, (await lease()).stamp];
    await cache.invalidate('projects', ['project/a']);
    stamps.push((await lease()).stamp);
    expect(stamps[1]).toBe(stamps[0]);
    expect(stamps[2]).not.toBe(stamps[0]);
  });

  it('does not let a slower fill put an older answer over a newer one', async () => {
    const [slow, fast] = [await lease(), await lease()];
    await fast.fill(entry('newer', { asOfMs: 2_000 }), TTL_MS);
    await slow.fill(entry('older', { asOfMs: 1_000 }), TTL_MS);
    expect(await words()).toBe('newer');
  });

  it('forgets after its time', async () => {
    await (await lease()).fill(entry('a'), 30);
    await vi.waitFor(async () => expect(await words()).toBeUndefined(), { timeout: 10_000 });
  });

  it('gives no answer that is older than asked for, unless its source was heard of since', async () => {
    await fill('a');
    expect(await words({ notBeforeMs: 1_000 })).toBe('a');
    expect(await words({ notBeforeMs: 1_001 })).toBeUndefined();
    await cache.advance('projects', 5_000);
    await cache.advance('projects', 4_000);
    expect(await words({ notBeforeMs: 5_000 })).toBe('a');
    expect(await words({ notBeforeMs: 5_001 })).toBeUndefined();
    expect(cache.asOfMs('projects')).toBe(5_000);
    expect(cache.asOfMs('teams')).toBeUndefined();
  });

  it('misses for a caller that has seen a later version, and may then be filled with it', async () => {
    await fill('one');
    expect(await words({ atLeast: 1 })).toBe('one');
    const held = await lease({ atLeast: 2 });
    expect(await held.fill(entry('two', { version: 2, asOfMs: 1_500 }), TTL_MS)).toBe(true);
    expect(await words({ atLeast: 2 })).toBe('two');
    await cache.invalidate('projects', ['project/a']);
    await (await lease()).fill(entry('none', { kind: 'not-found', version: undefined }), TTL_MS);
    expect(await words({ atLeast: 1 })).toBeUndefined();
  });

  it('counts what was done to it', async () => {
    await cache.invalidate('projects', ['project/a', 'project']);
    await cache.flush('projects');
    expect(cache.status).toMatchObject({ invalidations: 2, flushes: 1, evictions: 0 });
  });
});

describe('a cache in memory', () => {
  const filled = async (cache: EdgeCache, key: string, bytes: number): Promise<void> => {
    const lease = leaseOf(await cache.lookup(question({ key })));
    await lease.fill(entry('x'.repeat(bytes)), TTL_MS);
  };
  const has = async (cache: EdgeCache, key: string): Promise<boolean> =>
    (await cache.lookup(question({ key }))).kind === 'hit';

  it('holds so many entries, and drops those that were not asked for lately', async () => {
    const cache = memoryCache({ maxEntries: 2 });
    await filled(cache, 'a', 1);
    await filled(cache, 'b', 1);
    await has(cache, 'a');
    await filled(cache, 'c', 1);
    expect([await has(cache, 'a'), await has(cache, 'b'), await has(cache, 'c')]).toEqual([
      true,
      false,
      true,
    ]);
    expect(cache.status.evictions).toBe(1);
  });

  it('holds so many bytes', async () => {
    const cache = memoryCache({ maxBytes: 4_096 });
    for (const key of ['a', 'b', 'c']) await filled(cache, key, 1_500);
    await filled(cache, 'large', 10_000);
    expect([await has(cache, 'a'), await has(cache, 'c'), await has(cache, 'large')]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
