import { randomBytes } from 'node:crypto';
import { TokenScope, type TokenSet } from '@banyan/runtime';
import { unary, type UnaryMethod } from '@banyan/service-host';
import { Metadata } from '@grpc/grpc-js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readTokens, TOKENS_COOKIE, TOKENS_HEADER, writeTokensCookie } from './token-cookie.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request's caller has seen, and what is seen on its behalf. */
    scope: RequestScope;
  }
}

/** How long the browser remembers what it has seen, in s, from its last answer that showed it something. */
const COOKIE_S = 3600;
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** One request's way to the services: its tokens, its trace, and the time that each call has. */
export class RequestScope {
  readonly #tokens: TokenScope;
  readonly #came: TokenSet;
  readonly #metadata = new Metadata();
  readonly #timeoutMs: number;

  constructor(request: FastifyRequest, timeoutMs: number) {
    this.#came = readTokens(request);
    this.#tokens = new TokenScope(this.#came);
    this.#timeoutMs = timeoutMs;
    this.#metadata.set('traceparent', traceOf(request.headers['traceparent']));
    this.#metadata.set('x-request-id', request.id);
  }

  /**
   * Calls a service on behalf of the request.
   * @throws ServiceError of grpc-js
   */
  call<Request, Response>(method: UnaryMethod<Request, Response>, message: Request): Promise<Response> {
    const origin = { deadlineMs: Date.now() + this.#timeoutMs, metadata: this.#metadata };
    return this.#tokens.run(() => unary(method, message, origin));
  }

  /** Has the caller remember all that it has seen; nothing is set if that is no more than it said. */
  tell(request: FastifyRequest, reply: FastifyReply): void {
    const { seen } = this.#tokens;
    if (!seen.isEmpty) void reply.header(TOKENS_HEADER, seen.encode());
    if (seen.beyond(this.#came).isEmpty) return;
    void reply.setCookie(TOKENS_COOKIE, writeTokensCookie(seen), {
      path: '/api',
      httpOnly: true,
      sameSite: 'lax',
      secure: request.protocol === 'https',
      maxAge: COOKIE_S,
    });
  }
}

/** Gives each request of a part of the app its scope. */
export function scopeRequests(app: FastifyInstance, { callTimeoutMs }: { callTimeoutMs: number }): void {
  app.decorateRequest('scope');
  app.addHook('onRequest', (request, _reply, done) => {
    request.scope = new RequestScope(request, callTimeoutMs);
    done();
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    // Without one it was refused before: by a rate limit, for instance.
    if (request.scope instanceof RequestScope) request.scope.tell(request, reply);
    done();
  });
}

/** The trace that the caller is in, or a new one. */
function traceOf(given: string | string[] | undefined): string {
  if (typeof given === 'string' && TRACEPARENT.test(given)) return given;
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
