import { splitKey, type ShownVersion } from './shown.js';
import type { CacheBounds } from '../cache/edge-cache.js';
import { currentTokens, type TimedToken, type TokenScope } from '@banyan/runtime';

export interface EdgeTokensParts<Request, Response> {
  /** Whose tokens matter: the provider, as the source of its events. */
  source: string;
  /** The aggregate that an answer shows, e.g. `project/p1`; undefined: any of the source's, as a list does. None throws. */
  keyOf: (request: Request) => string | undefined;
  /** The versions that the answer to a request shows. */
  shownBy: (request: Request, response: Response) => readonly (ShownVersion | undefined)[];
  /** See `TokenOptions`. */
  settleMs: number;
  /** The epoch of the source's history as far as it is known here. */
  epoch: () => number | undefined;
}

/** Something that was seen, and when; without a token: whatever was seen by then. */
export interface Mark {
  atMs: number;
  token?: TimedToken;
}

/** What an answer must not be older than. */
export interface Needed {
  marks: readonly Mark[];
  /** The tokens are of the one aggregate that the answer shows. */
  keyed: boolean;
}

/** What a caller has seen, as far as it concerns the calls of one edge; see `TokenScope`. */
export class EdgeTokens<Request, Response> {
  readonly #parts: EdgeTokensParts<Request, Response>;

  constructor(parts: EdgeTokensParts<Request, Response>) {
    this.#parts = parts;
  }

  /** Of whoever calls now; undefined if nobody keeps what he sees. */
  ofCaller(): CallerTokens<Request, Response> | undefined {
    const scope = currentTokens();
    return scope === undefined ? undefined : new CallerTokens(this.#parts, scope);
  }
}

/** What the caller of one call has seen, and will have seen after it. */
export class CallerTokens<Request, Response> {
  readonly #parts: EdgeTokensParts<Request, Response>;
  readonly #scope: TokenScope;

  constructor(parts: EdgeTokensParts<Request, Response>, scope: TokenScope) {
    this.#parts = parts;
    this.#scope = scope;
  }

  /** What the answer to a request must not be older than; undefined: any will do. */
  needed(request: Request): Needed | undefined {
    const { source } = this.#parts;
    const { seen } = this.#scope;
    if (seen.isEmpty) return undefined;
    const key = this.#parts.keyOf(request);
    const tokens = key === undefined ? seen.of(source) : [seen.get(source, key)];
    const marks: Mark[] = tokens.flatMap((token) =>
      token === undefined ? [] : [{ token, atMs: token.atMs }],
    );
    if (seen.forgottenMs > 0) marks.push({ atMs: seen.forgottenMs });
    return marks.length === 0 ? undefined : { marks, keyed: key !== undefined };
  }

  /**
   * How new a kept answer must be. One answer's version tells; of several, and of what was forgotten, the time: a cache that
   * has heard all that its source did up to then has dropped what was older.
   */
  bounds(request: Request, notBeforeMs: number): CacheBounds {
    const { settleMs } = this.#parts;
    const { marks, keyed } = this.needed(request) ?? { marks: [], keyed: true };
    const bounds: CacheBounds = { notBeforeMs };
    for (const { atMs, token } of marks) {
      if (atMs + settleMs <= notBeforeMs) continue;
      if (keyed && token !== undefined) bounds.atLeast = token.version;
      else bounds.notBeforeMs = Math.max(bounds.notBeforeMs, atMs + settleMs);
    }
    return bounds;
  }

  /** The caller has seen this answer, wherever it came from: a later one must not be older. */
  answered(request: Request, response: Response): void {
    const { source, shownBy, epoch } = this.#parts;
    for (const shown of shownBy(request, response)) {
      const aggregate = shown === undefined ? undefined : splitKey(shown.key);
      if (shown === undefined || aggregate === undefined || shown.version < 1) continue;
      this.#scope.saw({ source, ...aggregate, version: shown.version, epoch: epoch() });
    }
  }
}
