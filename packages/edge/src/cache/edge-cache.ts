import type { CacheReport } from '@banyan/control';

/** A value now, or later. What is given at once costs its caller no timer. */
export type Awaitable<T> = T | Promise<T>;

/** An answer as it is kept. */
export interface CachedEntry {
  kind: 'found' | 'not-found';
  /** The answer, serialized; what `not-found` says about itself. */
  bytes: Uint8Array;
  /** Of what the answer carries; undefined: it has none. */
  version: number | undefined;
  /** It was true then: when the call that brought it began, ms since 1970 by the clock of the process that made it. */
  asOfMs: number;
}

/** How new a kept answer must be. */
export interface CacheBounds {
  /** The answer must be true at this time or later, ms since 1970; from the staleness budget and what the caller has seen. */
  notBeforeMs: number;
  /** What the caller has seen: an answer of a lower version, or of none, is a miss. */
  atLeast?: number | undefined;
}

/** What is asked of a cache. */
export interface CacheQuestion extends CacheBounds {
  /** Unlike the key of any other request. */
  key: string;
  /** The source whose events invalidate it. */
  source: string;
  /** Invalidating one of these drops the answer: `project/p1`, or `project` for what depends on any of them. */
  tags: readonly string[];
}

export type Lookup = { kind: 'hit'; entry: CachedEntry } | { kind: 'miss'; lease: Lease };

/**
 * The right to fill one key, given out with a miss and lost when the key is invalidated meanwhile: an answer that was under
 * way then may be of before (Nishtala et al., "Scaling Memcache at Facebook", 2013, section 3.2.1).
 */
export interface Lease {
  /** Equal for leases of one key between which nothing was invalidated: their holders may share one call. */
  readonly stamp: string;
  /** Keeps the answer for `ttlMs` at most. False: refused, an invalidation came first. */
  fill: (entry: CachedEntry, ttlMs: number) => Awaitable<boolean>;
  /** Gives it back unused. */
  release: () => void;
}

/** What a cache counts by itself; a call's part is counted by its edge. */
export type CacheStatus = Pick<CacheReport, 'invalidations' | 'flushes' | 'evictions'>;

/**
 * Keeps answers. Several edges may share one: their keys differ. It may throw and hang as it likes; whoever asks it guards
 * against that. What it must never do is give out an answer after `invalidate` of one of its tags, or `flush` of its source,
 * has returned, if the answer's lease was older.
 */
export interface EdgeCache {
  lookup: (question: CacheQuestion) => Awaitable<Lookup>;
  /** Drops the answers that have one of these tags, and ends the leases for such. */
  invalidate: (source: string, tags: readonly string[]) => Awaitable<void>;
  /** Drops all of a source, and ends all leases of it. */
  flush: (source: string) => Awaitable<void>;
  /** Everything that the source committed before this has been invalidated here: what is kept was true at that time too. */
  advance: (source: string, asOfMs: number) => Awaitable<void>;
  /** When the source was last heard of; undefined: never. As far as this process knows. */
  asOfMs: (source: string) => number | undefined;
  readonly status: CacheStatus;
  close: () => Promise<void>;
}

/**
 * Whether a kept answer may be given. Without news of the source it is as old as the call that brought it, with them as old
 * as they are: whatever happened before them would have invalidated it.
 */
export function isGoodEnough(
  entry: Pick<CachedEntry, 'asOfMs' | 'version'>,
  question: CacheQuestion,
  heardAsOfMs: number | undefined,
): boolean {
  if (Math.max(entry.asOfMs, heardAsOfMs ?? 0) < question.notBeforeMs) return false;
  return question.atLeast === undefined || (entry.version !== undefined && entry.version >= question.atLeast);
}
