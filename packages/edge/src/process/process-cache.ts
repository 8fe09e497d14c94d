import type { Logger } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { cacheFeed, type CacheFeed } from '../cache/cache-feed.js';
import type { EdgeCache } from '../cache/edge-cache.js';

export interface ProcessCacheParts {
  store: EdgeCache;
  nats: Promise<NatsConnection>;
  logger: Logger;
}

/** The cache that the edges of a process share, and the feed that keeps it true to all of their sources. */
export class ProcessCache {
  readonly #parts: ProcessCacheParts;
  readonly #sources = new Set<string>();
  #feed: CacheFeed | undefined;

  constructor(parts: ProcessCacheParts) {
    this.#parts = parts;
  }

  /** Has the cache follow what an edge's answers come from; before `start`. */
  storeFor(sources: readonly string[]): EdgeCache {
    for (const source of sources) this.#sources.add(source);
    return this.#parts.store;
  }

  /** Begins to follow once the broker is there; until then answers are used for no longer than the staleness budget. */
  async start(): Promise<void> {
    const { store: cache, nats, logger } = this.#parts;
    if (this.#sources.size === 0) return;
    this.#feed = cacheFeed({ cache, nats, sources: [...this.#sources], logger });
    await this.#feed.start();
  }

  async stop(): Promise<void> {
    await this.#feed?.stop();
  }
}
