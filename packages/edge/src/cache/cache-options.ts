import { resolveOptions, wholeNumber, type OptionRule, type OptionRules } from '@banyan/runtime';
import type { EdgeCache } from './edge-cache.js';
import { memoryCache } from './memory-cache.js';

/** What an edge needs for its stage `cache`. Times in ms. */
export interface EdgeCacheOptions<Request> {
  /**
   * Where answers are kept: `memoryCache()`, or `redisCache()` of `@banyan/edge/redis`. Edges may share one; their feed
   * (`cacheFeed`) must have the same. Default: a memory cache of the edge's own, without a feed: an answer is then used for
   * no longer than the staleness budget.
   */
  store?: EdgeCache;
  /** Source and kind of aggregate that the answers are about, as in `projects/project`: its events invalidate them. Required. */
  aggregate: string;
  /**
   * The id of the aggregate that an answer is about; default: the request's `id`. Undefined, as for lists: any event of the
   * aggregate's kind drops it. An answer about several aggregates must give undefined, or its keys by `invalidateOn`.
   */
  keyOf?: (request: Request) => string | undefined;
  /** How long an answer is kept at most, whatever the events say; default 60,000. Bounds what a lost event can do. */
  ttlMs?: number;
  /** The same for "there is no such thing" (NOT_FOUND); default 5000. */
  notFoundTtlMs?: number;
  /** Larger answers are not kept; default 65,536 bytes. */
  maxEntryBytes?: number;
  /** How long the cache may take to answer or to be filled; default 50. Then the call goes on without it, which is counted. */
  timeoutMs?: number;
  /**
   * Names of metadata that the answer depends on, e.g. `['accept-language']`; default none. Whatever else a provider looks
   * at must be named here, or callers get each other's answers.
   */
  varyBy?: readonly string[];
  /**
   * That calls which carry credentials (metadata `authorization` or `cookie`, or call credentials) may get one another's
   * answers; default false: such a call goes to the provider unless `varyBy` names what it carries.
   */
  shareAuthorized?: boolean;
}

export type ResolvedCacheOptions<Request> = Required<EdgeCacheOptions<Request>>;

/** @throws BanyanError BANYAN_OPTION_INVALID, BANYAN_OPTION_UNKNOWN */
export function resolveCacheOptions<Request>(
  given: EdgeCacheOptions<Request>,
): ResolvedCacheOptions<Request> {
  return resolveOptions('edge cache', rulesOf<Request>(), given);
}

function rulesOf<Request>(): OptionRules<EdgeCacheOptions<Request>> {
  return {
    store: {
      must: 'what memoryCache or redisCache makes',
      check: (value): value is EdgeCache => typeof value === 'object' && value !== null && 'lookup' in value,
      get fallback() {
        return memoryCache();
      },
    },
    aggregate: {
      must: 'a source and a kind of aggregate, as in projects/project',
      check: (value): value is string => typeof value === 'string' && /^[a-z][a-z0-9_-]*\/[^/]+$/.test(value),
    },
    keyOf: {
      must: 'a function',
      check: (value): value is (request: Request) => string | undefined => typeof value === 'function',
      fallback: idOf,
    },
    ttlMs: wholeNumber(1, 86_400_000, 60_000),
    notFoundTtlMs: wholeNumber(1, 86_400_000, 5_000),
    maxEntryBytes: wholeNumber(1, 2 ** 29, 65_536),
    timeoutMs: wholeNumber(1, 60_000, 50),
    varyBy: names(),
    shareAuthorized: {
      must: 'true or false',
      check: (value): value is boolean => typeof value === 'boolean',
      fallback: false,
    },
  };
}

function names(): OptionRule<readonly string[]> {
  return {
    must: 'a list of names of metadata, in lower case',
    check: (value): value is readonly string[] =>
      Array.isArray(value) && value.every((name) => typeof name === 'string' && /^[0-9a-z_.-]+$/.test(name)),
    fallback: [],
  };
}

/** Without an id everything invalidates the answer, which is always right. */
function idOf(request: unknown): string | undefined {
  const id: unknown =
    typeof request === 'object' && request !== null && 'id' in request ? request.id : undefined;
  return typeof id === 'string' && id !== '' ? id : undefined;
}
