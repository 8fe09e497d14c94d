import { resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import { LRUCache } from 'lru-cache';
import {
  isGoodEnough,
  type CachedEntry,
  type CacheQuestion,
  type CacheStatus,
  type EdgeCache,
  type Lease,
  type Lookup,
} from './edge-cache.js';
import { TagIndex } from './tag-index.js';

export interface MemoryCacheOptions {
  /** Answers kept at most; the least recently used go first. Default 10,000. */
  maxEntries?: number;
  /** Bytes kept at most, keys included, about 200 bytes an entry on top. Default 64 MiB. */
  maxBytes?: number;
}

const RULES: OptionRules<MemoryCacheOptions> = {
  maxEntries: wholeNumber(1, 100_000_000, 10_000),
  maxBytes: wholeNumber(1_024, 2 ** 40, 64 * 1024 ** 2),
};

const ENTRY_OVERHEAD_BYTES = 200;

interface Kept {
  entry: CachedEntry;
  tags: readonly string[];
}

interface MemoryLease extends Lease {
  tags: readonly string[];
}

/** A cache in this process. It ends with the process, and each process has its own, with its own feed. */
export function memoryCache(options: MemoryCacheOptions = {}): EdgeCache {
  return new MemoryCache(options);
}

/** See `memoryCache`. A lease is an object that is known as long as it is good; an invalidation forgets it. */
class MemoryCache implements EdgeCache {
  readonly #entries: LRUCache<string, Kept>;
  readonly #entryTags = new TagIndex();
  readonly #leases = new Map<string, MemoryLease>();
  readonly #leaseTags = new TagIndex();
  readonly #heard = new Map<string, number>();
  #lent = 0;
  readonly #status: CacheStatus = { invalidations: 0, flushes: 0, evictions: 0 };

  constructor(options: MemoryCacheOptions) {
    const { maxEntries, maxBytes } = resolveOptions('memory cache', RULES, options);
    this.#entries = new LRUCache<string, Kept>({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: ({ entry }, key) => entry.bytes.length + key.length + ENTRY_OVERHEAD_BYTES,
      dispose: ({ tags }, key, why) => {
        this.#entryTags.remove(key, tags);
        if (why === 'evict') this.#status.evictions += 1;
      },
    });
  }

  get status(): CacheStatus {
    return { ...this.#status };
  }

  lookup(question: CacheQuestion): Lookup {
    const kept = this.#entries.get(question.key);
    if (kept !== undefined && isGoodEnough(kept.entry, question, this.#heard.get(question.source)))
      return { kind: 'hit', entry: kept.entry };
    return { kind: 'miss', lease: this.#leases.get(question.key) ?? this.#lend(question) };
  }

  invalidate(source: string, tags: readonly string[]): void {
    this.#status.invalidations += tags.length;
    for (const tag of tags) this.#drop(tagOf(source, tag));
  }

  flush(source: string): void {
    this.#status.flushes += 1;
    // Each has the tag of its source.
    this.#drop(source);
  }

  advance(source: string, asOfMs: number): void {
    this.#heard.set(source, Math.max(asOfMs, this.#heard.get(source) ?? 0));
  }

  asOfMs(source: string): number | undefined {
    return this.#heard.get(source);
  }

  close(): Promise<void> {
    this.#entries.clear();
    return Promise.resolve();
  }

  #lend({ key, source, tags: given }: CacheQuestion): Lease {
    const tags = [source, ...given.map((tag) => tagOf(source, tag))];
    const lease: MemoryLease = {
      stamp: String(++this.#lent),
      tags,
      fill: (entry, ttlMs) => this.#fill(key, { lease, entry, ttlMs }),
      release: () => this.#end(key, lease),
    };
    this.#leases.set(key, lease);
    this.#leaseTags.add(key, tags);
    return lease;
  }

  #fill(key: string, fill: { lease: MemoryLease; entry: CachedEntry; ttlMs: number }): boolean {
    const { lease, entry, ttlMs: ttl } = fill;
    if (this.#leases.get(key) !== lease) return false;
    this.#end(key, lease);
    // First, as the predecessor's disposal takes its tags out of the index, which are the same.
    this.#entries.delete(key);
    this.#entries.set(key, { entry, tags: lease.tags }, { ttl });
    if (this.#entries.has(key)) this.#entryTags.add(key, lease.tags);
    return true;
  }

  #end(key: string, lease: MemoryLease): void {
    if (this.#leases.get(key) !== lease) return;
    this.#leases.delete(key);
    this.#leaseTags.remove(key, lease.tags);
  }

  #drop(tag: string): void {
    for (const key of this.#entryTags.keysOf(tag)) this.#entries.delete(key);
    for (const key of this.#leaseTags.keysOf(tag)) {
      const lease = this.#leases.get(key);
      if (lease !== undefined) this.#end(key, lease);
    }
  }
}

const tagOf = (source: string, tag: string): string => `${source}/${tag}`;
