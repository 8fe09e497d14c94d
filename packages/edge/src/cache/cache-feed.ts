import {
  messageOf,
  resolveOptions,
  silentLogger,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import { sourceTail, type SourceTail, type SourceTailStatus, type TailEvent } from '@banyan/subscriber';
import type { NatsConnection } from '@nats-io/nats-core';
import type { EdgeCache } from './edge-cache.js';
import type { Invalidation } from './invalidate-on.js';

export interface CacheFeedOptions {
  /** What it keeps true: the `store` of the edges. Required. */
  cache: EdgeCache;
  /** The process's NATS connection, or a promise of it; the feed never closes it. Required. */
  nats: NatsConnection | Promise<NatsConnection>;
  /** The sources that it follows; all shards of one: `projects`, `projects-1`. Required. */
  sources: readonly string[];
  /**
   * Events that invalidate answers under other keys than their aggregate's id: see `invalidateOn`. Default: none. Each event
   * invalidates the answers about its aggregate anyway, and those about any of the kind.
   */
  invalidatedBy?: readonly Invalidation[];
  /** How often heartbeats are looked at, in ms; default 100. Counts against the staleness budget. */
  pollIntervalMs?: number;
  /** Heartbeats say that events are missing, and none came for so long, in ms: it begins anew. Default 3000. */
  stalledAfterMs?: number;
  /** Where log lines go. Default: nowhere. */
  logger?: Logger;
}

/**
 * Keeps a cache true to its sources: each process has one for its memory cache; of those that share a Redis each may have one
 * (work done twice does no harm). What happens when it loses the thread: the cache is emptied before it goes on; until then
 * what is kept ages, and is given out no longer than the staleness budget.
 */
export class CacheFeed {
  readonly #options: Required<CacheFeedOptions>;
  readonly #freshMs = new Map<string, number>();
  #tails: readonly SourceTail[] = [];
  #isStopped = false;

  constructor(given: CacheFeedOptions) {
    this.#options = resolveOptions('cache feed', RULES, given);
  }

  get status(): readonly SourceTailStatus[] {
    return this.#tails.map(({ status }) => status);
  }

  /** Begins when the connection is there. */
  async start(): Promise<void> {
    const { sources, pollIntervalMs, stalledAfterMs, logger } = this.#options;
    const nats = await this.#options.nats;
    if (this.#isStopped || this.#tails.length > 0) return;
    this.#tails = sources.map((source) =>
      sourceTail({
        ...{ nats, source, pollIntervalMs, stalledAfterMs, logger },
        onEvents: (events) => this.#onEvents(source, events),
        onReset: () => this.#onReset(source),
        onFresh: (asOfMs) => this.#onFresh(source, asOfMs),
      }),
    );
    for (const tail of this.#tails) tail.start();
  }

  /** Waits until all sources are followed; false: not in time. */
  async untilFollowing({ timeoutMs }: { timeoutMs: number }): Promise<boolean> {
    const following = await Promise.all(this.#tails.map((tail) => tail.untilFollowing({ timeoutMs })));
    return following.length > 0 && !following.includes(false);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#tails.map((tail) => tail.stop()));
  }

  async #onEvents(source: string, events: readonly TailEvent[]): Promise<void> {
    const { cache } = this.#options;
    const tags = new Set<string>();
    try {
      for (const event of events) for (const tag of this.#tagsOf(event)) tags.add(tag);
    } catch (error) {
      this.#options.logger.error('an event does not say what it invalidates: all of its source is dropped', {
        source,
        error: messageOf(error),
      });
      await cache.flush(baseOf(source));
      return;
    }
    await cache.invalidate(baseOf(source), [...tags]);
  }

  #tagsOf(event: TailEvent): readonly string[] {
    const { aggregate, aggregateId, type, payload } = event;
    const others = this.#options.invalidatedBy.filter(
      (each) => each.source === baseOf(event.source) && each.aggregate === aggregate && each.type === type,
    );
    return [aggregate, `${aggregate}/${aggregateId}`, ...others.flatMap((each) => each.tagsOf(payload))];
  }

  async #onReset(source: string): Promise<void> {
    this.#freshMs.delete(source);
    await this.#options.cache.flush(baseOf(source));
  }

  /** Several shards are one source to the edges, as fresh as the oldest of them. */
  async #onFresh(source: string, asOfMs: number): Promise<void> {
    this.#freshMs.set(source, asOfMs);
    const base = baseOf(source);
    const shards = this.#options.sources.filter((each) => baseOf(each) === base);
    const all = shards.map((shard) => this.#freshMs.get(shard) ?? 0);
    const oldestMs = Math.min(...all);
    if (oldestMs > 0) await this.#options.cache.advance(base, oldestMs);
  }
}

/** Makes the feed of a cache. Call `start` on it, or hand it to `EdgeProcess.add`. */
export function cacheFeed(options: CacheFeedOptions): CacheFeed {
  return new CacheFeed(options);
}

/** `projects` of the shard `projects-1`. */
const baseOf = (source: string): string => source.replace(/-\d+$/, '');

const RULES: OptionRules<CacheFeedOptions> = {
  cache: {
    must: 'what memoryCache or redisCache makes',
    check: (value): value is EdgeCache =>
      typeof value === 'object' && value !== null && 'invalidate' in value,
  },
  nats: {
    must: 'a NATS connection or a promise of one',
    check: (value): value is NatsConnection | Promise<NatsConnection> =>
      typeof value === 'object' && value !== null && ('subscribe' in value || 'then' in value),
  },
  sources: {
    must: 'a list of different names of sources',
    check: (value): value is readonly string[] =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each) => typeof each === 'string' && /^[a-z][a-z0-9_-]*$/.test(each)) &&
      new Set(value).size === value.length,
  },
  invalidatedBy: {
    must: 'a list of what invalidateOn makes',
    check: (value): value is readonly Invalidation[] => Array.isArray(value),
    fallback: [],
  },
  pollIntervalMs: wholeNumber(10, 60_000, 100),
  stalledAfterMs: wholeNumber(100, 600_000, 3_000),
  logger: {
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
    fallback: silentLogger,
  },
};
