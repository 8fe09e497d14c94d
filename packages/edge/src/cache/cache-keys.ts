import { createHash } from 'node:crypto';
import type { InterceptorOptions, Metadata, MethodDefinition } from '@grpc/grpc-js';
import type { ResolvedCacheOptions } from './cache-options.js';
import type { CacheQuestion } from './edge-cache.js';

export interface CacheKeysParts<Request, Response> {
  method: MethodDefinition<Request, Response>;
  options: Pick<ResolvedCacheOptions<Request>, 'aggregate' | 'keyOf' | 'varyBy' | 'shareAuthorized'>;
}

const CREDENTIALS = ['authorization', 'cookie'];

/** What of a question does not depend on when it is asked. */
export type QuestionKey = Pick<CacheQuestion, 'key' | 'source' | 'tags'>;

/** Names requests: by method, by their serialized bytes, and by the metadata that their answers depend on. */
export class CacheKeys<Request, Response> {
  readonly source: string;
  readonly #kind: string;
  readonly #parts: CacheKeysParts<Request, Response>;
  readonly #credentials: readonly string[];

  constructor(parts: CacheKeysParts<Request, Response>) {
    const { aggregate, varyBy, shareAuthorized } = parts.options;
    const slash = aggregate.indexOf('/');
    this.source = aggregate.slice(0, slash);
    this.#kind = aggregate.slice(slash + 1);
    this.#parts = parts;
    this.#credentials = shareAuthorized ? [] : CREDENTIALS.filter((name) => !varyBy.includes(name));
  }

  /**
   * Whether other callers may be given the answer of this call. Like a shared cache of HTTP (RFC 9111, section 3.5), which
   * keeps no answer to a request with credentials unless it is told so.
   */
  isSharable(metadata: Metadata, options: InterceptorOptions): boolean {
    if (options.credentials !== undefined && !this.#parts.options.shareAuthorized) return false;
    return this.#credentials.every((name) => metadata.get(name).length === 0);
  }

  of(metadata: Metadata, request: Request): QuestionKey {
    const { method, options } = this.#parts;
    const id = options.keyOf(request);
    const said = options.varyBy.map((name) => metadata.get(name).map((value) => value.toString('base64')));
    // Equal maps whose entries were added in another order give another key: a miss too many, never a wrong hit.
    const key = createHash('sha256')
      .update(JSON.stringify([method.path, said]))
      .update(method.requestSerialize(request))
      .digest('base64url');
    const tags = [id === undefined ? this.#kind : `${this.#kind}/${id}`];
    return { key, source: this.source, tags };
  }
}
