import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  BanyanError,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import {
  isGoodEnough,
  type CachedEntry,
  type CacheQuestion,
  type CacheStatus,
  type EdgeCache,
  type Lookup,
} from '../edge-cache.js';
import { RedisConnection } from './redis-connection.js';
import { ADVANCE, FILL, LOOKUP, RENEW } from './scripts.js';

export interface RedisCacheOptions {
  /** Address: `redis://…`, `rediss://…` for TLS. Redis 6 or later, or Valkey. Required. */
  url: string;
  /**
   * Begins each key; default `banyan`. Processes that share answers need the same, and the same contracts: an answer is kept
   * as the provider's bytes.
   */
  prefix?: string;
  /** How long an invalidation may take, in ms; default 2000. Then the feed begins anew, and drops everything first. */
  feedTimeoutMs?: number;
  /** Where log lines go. Default: nowhere. */
  logger?: Logger;
}

const RULES: OptionRules<RedisCacheOptions> = {
  url: text(),
  prefix: text('banyan'),
  feedTimeoutMs: wholeNumber(1, 600_000, 2_000),
  logger: {
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
    fallback: silentLogger,
  },
};

/** How long a lease is good at least, in ms. */
const LEASE_MS = 600_000;
/** Tags of one script: Redis does nothing else meanwhile. */
const TAGS_AT_ONCE = 500;

/** A cache in Redis, which several processes share: an event that one of them hears of ends the leases of all. */
export function redisCache(options: RedisCacheOptions): EdgeCache {
  return new RedisCache(options);
}

/** See `redisCache`, and `scripts.ts` for what makes it hold. */
class RedisCache implements EdgeCache {
  readonly #options: Required<RedisCacheOptions>;
  readonly #redis: RedisConnection;
  readonly #status: CacheStatus = { invalidations: 0, flushes: 0, evictions: 0 };
  readonly #heard = new Map<string, number>();
  readonly #self = randomUUID();
  #stamps = 0;

  constructor(given: RedisCacheOptions) {
    this.#options = resolveOptions('redis cache', RULES, given);
    this.#redis = new RedisConnection(this.#options);
  }

  get status(): CacheStatus {
    return { ...this.#status };
  }

  asOfMs(source: string): number | undefined {
    return this.#heard.get(source);
  }

  async lookup(question: CacheQuestion): Promise<Lookup> {
    const keys = this.#keysOf(question);
    const [stamp, heard, ...kept] = await this.#redis.run(LOOKUP, keys, [this.#newStamp(), String(LEASE_MS)]);
    const heardMs = Number(heard?.toString() ?? '') || undefined;
    this.#noteHeard(question.source, heardMs ?? 0);
    const entry = entryOf(kept);
    if (entry !== undefined && isGoodEnough(entry, question, heardMs)) return { kind: 'hit', entry };
    const held = stamp?.toString() ?? '';
    const fill = (answer: CachedEntry, ttlMs: number): Promise<boolean> =>
      this.#fill(keys, [held, String(ttlMs), String(LEASE_MS), ...fieldsOf(answer)]);
    return { kind: 'miss', lease: { stamp: held, fill, release: () => undefined } };
  }

  async invalidate(source: string, tags: readonly string[]): Promise<void> {
    this.#status.invalidations += tags.length;
    const keys = tags.map((tag) => this.#stampKey(source, tag));
    for (let i = 0; i < keys.length; i += TAGS_AT_ONCE)
      await this.#feed(this.#redis.run(RENEW, keys.slice(i, i + TAGS_AT_ONCE), [this.#newStamp()]));
  }

  async flush(source: string): Promise<void> {
    this.#status.flushes += 1;
    await this.#feed(this.#redis.set(this.#stampKey(source), this.#newStamp()));
  }

  async advance(source: string, asOfMs: number): Promise<void> {
    const before = this.#heard.get(source) ?? 0;
    const keys = [this.#key(source, 'heard'), this.#stampKey(source)];
    const told = this.#redis.run(ADVANCE, keys, [String(asOfMs), String(before), this.#newStamp()]);
    const [lost, heard] = await this.#feed(told);
    if (lost?.toString() === '1') this.#lost(source);
    this.#noteHeard(source, Number(heard?.toString()));
  }

  close(): Promise<void> {
    return this.#redis.close();
  }

  async #fill(keys: readonly string[], fields: readonly (string | Buffer)[]): Promise<boolean> {
    const [filled] = await this.#redis.run(FILL, keys, fields);
    return filled?.toString() === '1';
  }

  /** What the scripts expect; all of a source lies in one slot of a Redis Cluster. */
  #keysOf({ key, source, tags }: CacheQuestion): string[] {
    const stamps = tags.map((tag) => this.#stampKey(source, tag));
    return [
      this.#key(source, `answer:${key}`),
      this.#key(source, 'heard'),
      this.#stampKey(source),
      ...stamps,
    ];
  }

  #stampKey(source: string, tag?: string): string {
    return this.#key(source, tag === undefined ? 'stamp' : `stamp:${tag}`);
  }

  #key(source: string, rest: string): string {
    return `${this.#options.prefix}:{${source}}:${rest}`;
  }

  #newStamp(): string {
    this.#stamps += 1;
    return `${this.#self}-${this.#stamps}`;
  }

  #noteHeard(source: string, asOfMs: number): void {
    if (asOfMs > (this.#heard.get(source) ?? 0)) this.#heard.set(source, asOfMs);
  }

  #lost(source: string): void {
    this.#status.flushes += 1;
    this.#options.logger.warn('Redis has lost what it knew of a source: all of that is dropped', { source });
  }

  /** An invalidation whose outcome is not known counts as failed. */
  async #feed<T>(done: Promise<T>): Promise<T> {
    const { feedTimeoutMs, prefix } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      const error = new BanyanError('BANYAN_CACHE_FAILED', `${prefix}: no answer in ${feedTimeoutMs} ms`);
      timer = setTimeout(() => reject(error), feedTimeoutMs);
    });
    try {
      return await Promise.race([done, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}

type Field = Buffer | null;

/** Undefined for what is not there, or is damaged. */
function entryOf([asOf, version, kind, crc, bytes]: readonly Field[]): CachedEntry | undefined {
  if (!asOf || !version || !kind || !crc || !bytes) return undefined;
  if (crc32(bytes) !== Number(crc.toString())) return undefined;
  const said = version.toString();
  return {
    kind: kind.toString() === 'found' ? 'found' : 'not-found',
    bytes,
    version: said === '' ? undefined : Number(said),
    asOfMs: Number(asOf.toString()),
  };
}

function fieldsOf({ kind, bytes, version, asOfMs }: CachedEntry): (string | Buffer)[] {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [String(asOfMs), version === undefined ? '' : String(version), kind, String(crc32(body)), body];
}
