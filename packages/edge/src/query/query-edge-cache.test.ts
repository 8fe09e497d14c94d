import { Metadata, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GetProjectResponse } from '@banyan/contracts/projects';
import { testNats, uniqueName } from '@banyan/devstack';
import { memoryCache } from '../cache/memory-cache.js';
import type { EdgeCacheOptions } from '../cache/cache-options.js';
import type { EdgeCache } from '../cache/edge-cache.js';
import { EdgeStand, NEVER, projectOf, type EdgeSettings } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const stands: EdgeStand[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(stands.splice(0).map((stand) => stand.stop()));
});
afterAll(() => nats.close());

type CacheSettings = Partial<EdgeCacheOptions<{ id: string }>>;

/** An edge at the stage `cache`. */
async function standAt(cache: CacheSettings = {}, settings: EdgeSettings = {}): Promise<EdgeStand> {
  const name = `${uniqueName('tasks')} -> projects.GetProject`;
  const stand = new EdgeStand(name, nats.connection, {
    ...settings,
    cache: { aggregate: 'projects/project', ...cache },
  });
  stands.push(stand);
  await stand.start();
  await stand.move('cache');
  return stand;
}

const countsOf = async (stand: EdgeStand) => (await stand.evidence()).cache;

/** Makes the provider wait; each call of what it returns lets one answer go. */
function held(stand: EdgeStand): { waiting: (() => void)[] } {
  const answer = stand.provider.handler;
  const waiting: (() => void)[] = [];
  stand.provider.handler = (call, callback) => void waiting.push(() => answer(call, callback));
  return { waiting };
}

describe('an edge at the stage cache', () => {
  it('asks the provider once, and answers from the cache from then on', async () => {
    const stand = await standAt();
    stand.put('a');
    for (let i = 0; i < 3; i++) expect(await stand.get('a')).toEqual(projectOf('a', 1));
    expect(stand.provider.calls).toBe(1);
    expect(await countsOf(stand)).toMatchObject({ hits: 2, misses: 1, errors: 0 });
    expect((await stand.evidence()).calls).toEqual({ ok: 3, failed: 0, byReplica: 0 });
  });

  it('asks again after an event of the aggregate, and only for that one', async () => {
    const store = memoryCache();
    const stand = await standAt({ store });
    for (const id of ['a', 'b']) stand.put(id);
    await Promise.all(['a', 'b'].map((id) => stand.get(id)));
    stand.put('a', 2);
    await store.invalidate('projects', ['project/a', 'project']);
    expect(await stand.get('a')).toEqual(projectOf('a', 2));
    expect(await stand.get('b')).toEqual(projectOf('b', 1));
    expect(stand.provider.calls).toBe(3);
  });

  it('does not keep an answer whose aggregate changed while it was under way', async () => {
    const store = memoryCache();
    const stand = await standAt({ store });
    stand.put('a');
    const provider = held(stand);
    const first = stand.get('a');
    await expect.poll(() => provider.waiting.length).toBe(1);
    await store.invalidate('projects', ['project/a']);
    const second = stand.get('a');
    await expect.poll(() => provider.waiting.length).toBe(2);
    provider.waiting[0]?.();
    await first;
    stand.provider.rows.set('a', projectOf('a', 2));
    provider.waiting[1]?.();
    expect(await second).toEqual(projectOf('a', 2));
    expect(await stand.get('a')).toEqual(projectOf('a', 2));
    expect(await countsOf(stand)).toMatchObject({ misses: 2, refused: 1, hits: 1 });
  });

  it('gives each caller an answer of its own', async () => {
    const stand = await standAt();
    stand.put('a');
    const spoil = (answer: GetProjectResponse): void => {
      expect(answer).toEqual(projectOf('a', 1));
      answer.project!.name = 'spoiled';
    };
    const spoiled = [1, 2, 3].map(() => stand.get('a').then(spoil));
    await Promise.all(spoiled);
    spoil(await stand.get('a'));
    expect(await stand.get('a')).toEqual(projectOf('a', 1));
    expect(stand.provider.calls).toBe(1);
  });

  it('keeps what is not there for a shorter time, and nothing else that fails', async () => {
    const forgetful = await standAt({ notFoundTtlMs: 50 });
    await forgetful.failure('a');
    forgetful.put('a');
    await vi.waitFor(async () => expect(await forgetful.get('a')).toEqual(projectOf('a', 1)), {
      timeout: 10_000,
    });
    const stand = await standAt({ notFoundTtlMs: 60_000 });
    const absent = { code: status.NOT_FOUND, details: 'no project a' };
    expect(await stand.failure('a')).toMatchObject(absent);
    expect(await stand.failure('a')).toMatchObject(absent);
    expect(stand.provider.calls).toBe(1);
    stand.provider.handler = (_call, answer) => answer({ code: status.PERMISSION_DENIED, details: 'no' });
    for (const id of ['b', 'b'])
      expect(await stand.failure(id)).toMatchObject({ code: status.PERMISSION_DENIED });
    expect((await stand.evidence()).calls).toMatchObject({ failed: 4 });
    expect(stand.provider.calls).toBe(3);
  });

  it('keeps no answer longer than its time, nor one that is too large', async () => {
    const stand = await standAt({ ttlMs: 50, maxEntryBytes: 200 });
    stand.put('a');
    await stand.get('a');
    await vi.waitFor(
      async () => {
        await stand.get('a');
        expect(stand.provider.calls).toBeGreaterThan(1);
      },
      { timeout: 10_000 },
    );
    stand.provider.rows.set('b', projectOf('b', 1, 'x'.repeat(300)));
    const before = stand.provider.calls;
    await stand.get('b');
    await stand.get('b');
    expect(stand.provider.calls).toBe(before + 2);
    expect(await countsOf(stand)).toMatchObject({ tooLarge: 2 });
  });

  it('uses no answer beyond the staleness budget unless its source was heard of since', async () => {
    const store = memoryCache();
    const stand = await standAt({ store }, { budget: { stalenessMs: 250 }, clockSkewMs: 50 });
    stand.put('a');
    await stand.get('a');
    await vi.waitFor(
      async () => {
        await stand.get('a');
        expect(stand.provider.calls).toBe(2);
      },
      { timeout: 10_000 },
    );
    const filledMs = Date.now();
    await store.advance('projects', filledMs + 60_000);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(filledMs + 300), { timeout: 10_000 });
    await stand.get('a');
    expect(stand.provider.calls).toBe(2);
  });
});

describe('calls for the same at the same time', () => {
  it('share one call of the provider', async () => {
    const stand = await standAt();
    stand.put('a');
    const provider = held(stand);
    const callers = Array.from({ length: 10 }, () => stand.get('a'));
    await expect.poll(async () => (await countsOf(stand))?.shared).toBe(9);
    await expect.poll(() => provider.waiting.length).toBe(1);
    provider.waiting[0]?.();
    expect(await Promise.all(callers)).toEqual(Array.from({ length: 10 }, () => projectOf('a', 1)));
    expect(stand.provider.calls).toBe(1);
  });

  it('each keep their own deadline and cancellation, and do not fail the others', async () => {
    const stand = await standAt();
    stand.put('a');
    const provider = held(stand);
    let cancel = (): void => undefined;
    const cancelled = new Promise((resolve) => {
      const call = stand.client.getProject({ id: 'a' }, (error) => resolve(error?.code));
      cancel = () => call.cancel();
    });
    await expect.poll(() => provider.waiting.length).toBe(1);
    const patient = stand.get('a');
    const hasty = stand.failure('a', { deadline: Date.now() + 500 });
    await expect.poll(async () => (await countsOf(stand))?.shared).toBe(2);
    cancel();
    expect(await cancelled).toBe(status.CANCELLED);
    expect((await hasty).code).toBe(status.DEADLINE_EXCEEDED);
    provider.waiting[0]?.();
    expect(await patient).toEqual(projectOf('a', 1));
    expect(stand.provider.calls).toBe(1);
  });

  it('cancel the call of the provider when the last of them has gone', async () => {
    const stand = await standAt();
    let isGone = false;
    stand.provider.handler = (call) => void call.on('cancelled', () => (isGone = true));
    const callers = [1, 2].map(() => {
      let cancel = (): void => undefined;
      const ended = new Promise((resolve) => {
        const call = stand.client.getProject({ id: 'a' }, (error) => resolve(error?.code));
        cancel = () => call.cancel();
      });
      return { ended, cancel: () => cancel() };
    });
    await expect.poll(() => stand.provider.calls).toBe(1);
    for (const { ended, cancel } of callers) {
      expect(isGone).toBe(false);
      cancel();
      expect(await ended).toBe(status.CANCELLED);
    }
    await expect.poll(() => isGone).toBe(true);
  });
});

describe('calls with credentials', () => {
  const getAs = (stand: EdgeStand, token: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata();
      metadata.set('authorization', token);
      stand.client.getProject({ id: 'a' }, metadata, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });

  it('are answered by the provider', async () => {
    const stand = await standAt();
    stand.put('a');
    for (const token of ['ann', 'bob', 'ann']) await getAs(stand, token);
    expect(stand.provider.calls).toBe(3);
    expect(await countsOf(stand)).toMatchObject({ bypassed: 3, misses: 0 });
  });

  it('are answered by the cache, each its own, if the answer is said to vary by them', async () => {
    const stand = await standAt({ varyBy: ['authorization'] });
    stand.provider.handler = ({ metadata }, answer) =>
      answer(null, projectOf('a', 1, `for ${String(metadata.get('authorization')[0])}`));
    const names: unknown[] = [];
    for (const token of ['ann', 'bob', 'ann']) names.push(await getAs(stand, token));
    expect(names).toMatchObject(['for ann', 'for bob', 'for ann'].map((name) => ({ project: { name } })));
    expect(stand.provider.calls).toBe(2);
  });
});

describe('a cache that fails', () => {
  const broken = (lookup: EdgeCache['lookup']): EdgeCache => ({ ...plain(memoryCache()), lookup });
  const plain = (store: EdgeCache): EdgeCache => ({
    lookup: (question) => store.lookup(question),
    invalidate: (source, tags) => store.invalidate(source, tags),
    flush: (source) => store.flush(source),
    advance: (source, ms) => store.advance(source, ms),
    asOfMs: (source) => store.asOfMs(source),
    status: store.status,
    close: () => store.close(),
  });

  it.each<[string, EdgeCache]>([
    [
      'throws',
      broken(() => {
        throw new Error('down');
      }),
    ],
    ['rejects', broken(() => Promise.reject(new Error('down')))],
    ['hangs', broken(() => NEVER)],
    [
      'gives rubbish',
      broken(() => ({
        kind: 'hit',
        entry: { kind: 'found', bytes: new Uint8Array([255, 255]), version: 1, asOfMs: Date.now() },
      })),
    ],
  ])('and %s costs a call nothing but its time-out, and is counted', async (_how, store) => {
    const stand = await standAt({ store, timeoutMs: 20 });
    stand.put('a');
    for (let i = 0; i < 20; i++) expect(await stand.get('a')).toEqual(projectOf('a', 1));
    expect(stand.provider.calls).toBe(20);
    expect(await countsOf(stand)).toMatchObject({ errors: 20, hits: 0 });
  });
});

describe('the stage cache', () => {
  it('is not among those of an edge without a cache, and is refused there', () => {
    const made = (settings: EdgeSettings): EdgeStand =>
      new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, settings);
    expect(made({}).edge.stage.ladder).not.toContain('cache');
    expect(made({ cache: { aggregate: 'projects/project' } }).edge.stage.ladder).toContain('cache');
    expect(() => made({ supports: ['call', 'cache'] })).toThrow(
      /option supports must be a list of stages of call, shadow/,
    );
  });
});
