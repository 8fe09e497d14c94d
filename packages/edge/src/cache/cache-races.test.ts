import { testRedis } from '@banyan/devstack';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { CacheQuestion, EdgeCache, Lease } from './edge-cache.js';
import { memoryCache } from './memory-cache.js';
import { redisCache } from './redis/redis-cache.js';

const redis = await testRedis();
afterAll(() => redis?.stop());

/** Opens the caches of two processes: of memory each has its own, of Redis they share one. */
type Open = (prefix: string) => EdgeCache[];

const KINDS: [name: string, open: Open, runs: number][] = [
  ['in memory', () => [memoryCache({ maxEntries: 2 }), memoryCache()], 2_000],
];
if (redis !== undefined) {
  const { url } = redis;
  KINDS.push(['in Redis', (prefix) => [redisCache({ url, prefix }), redisCache({ url, prefix })], 150]);
}

type Step =
  | { does: 'write' | 'hear' | 'crash' | 'gap'; key: number; process: number }
  | { does: 'ask' | 'answer' | 'fill'; key: number; process: number };

const STEP: fc.Arbitrary<Step> = fc.record({
  does: fc.constantFrom(
    'write',
    'hear',
    'hear',
    'ask',
    'ask',
    'answer',
    'answer',
    'fill',
    'fill',
    'crash',
    'gap',
  ),
  key: fc.nat({ max: 2 }),
  process: fc.nat({ max: 1 }),
});

interface Call {
  key: number;
  process: number;
  lease: Lease;
  /** What the provider said; undefined: it has not yet. */
  version?: number;
}

/** One provider, and two processes that cache its answers and hear of its writes late, each in its own time. */
class World {
  readonly #caches: EdgeCache[];
  readonly #isShared: boolean;
  readonly #versions = [0, 0, 0];
  readonly #events: number[] = [];
  /** Per process: how many events it has heard of, and which version of each key it must not go below. */
  readonly #heard = [0, 0];
  readonly #floors = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  #calls: Call[] = [];

  constructor(caches: EdgeCache[], isShared: boolean) {
    this.#caches = caches;
    this.#isShared = isShared;
  }

  async step({ does, key, process }: Step): Promise<void> {
    if (does === 'write') this.#events.push(this.#write(key));
    else if (does === 'hear') await this.#hear(process);
    else if (does === 'ask') await this.#ask(key, process);
    else if (does === 'answer') this.#answer(key);
    else if (does === 'fill') await this.#fill(key);
    else if (does === 'crash') this.#calls = this.#calls.filter((call) => call.process !== process);
    else await this.#gap(process);
  }

  #write(key: number): number {
    this.#versions[key]! += 1;
    return key;
  }

  async #hear(process: number): Promise<void> {
    const key = this.#events[this.#heard[process]!];
    if (key === undefined) return;
    this.#heard[process]! += 1;
    await this.#caches[process]!.invalidate('projects', [`project/${key}`]);
    const heard = this.#events.slice(0, this.#heard[process]).filter((each) => each === key).length;
    this.#raise(process, key, heard);
  }

  /** It has missed events, and goes on from now. */
  async #gap(process: number): Promise<void> {
    this.#heard[process] = this.#events.length;
    await this.#caches[process]!.flush('projects');
    for (const key of [0, 1, 2]) this.#raise(process, key, this.#versions[key]!);
  }

  #raise(process: number, key: number, version: number): void {
    for (const each of this.#isShared ? [0, 1] : [process])
      this.#floors[each]![key] = Math.max(this.#floors[each]![key]!, version);
  }

  async #ask(key: number, process: number): Promise<void> {
    const question: CacheQuestion = {
      key: `get ${key}`,
      source: 'projects',
      tags: [`project/${key}`],
      notBeforeMs: 0,
    };
    const found = await this.#caches[process]!.lookup(question);
    if (found.kind === 'miss') this.#calls.push({ key, process, lease: found.lease });
    else
      expect(Number(Buffer.from(found.entry.bytes).toString())).toBeGreaterThanOrEqual(
        this.#floors[process]![key]!,
      );
  }

  #answer(key: number): void {
    const call = this.#calls.find((each) => each.key === key && each.version === undefined);
    if (call !== undefined) call.version = this.#versions[key]!;
  }

  async #fill(key: number): Promise<void> {
    const call = this.#calls.find((each) => each.key === key && each.version !== undefined);
    if (call?.version === undefined) return;
    this.#calls = this.#calls.filter((each) => each !== call);
    const bytes = Buffer.from(String(call.version));
    await call.lease.fill({ kind: 'found', bytes, version: call.version, asOfMs: call.version }, 60_000);
  }
}

describe.each(KINDS)('a cache %s', (name, open, numRuns) => {
  it('never gives an answer of before a write whose event was processed, however calls, events, gaps and crashes fall', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 60, size: 'max' }), async (steps) => {
        const caches = open(crypto.randomUUID());
        for (const cache of caches) await vi.waitFor(() => cache.flush('projects'), { timeout: 10_000 });
        const world = new World(caches, name === 'in Redis');
        for (const step of steps) await world.step(step);
        await Promise.all(caches.map((cache) => cache.close()));
      }),
      { numRuns },
    );
  }, 120_000);
});
