import {
  Metadata,
  ServerInterceptingCall,
  status,
  type ServerInterceptor,
  type ServerListener,
} from '@grpc/grpc-js';
import { TOKEN_HEADER, TokenScope } from '@banyan/runtime';
import { tokensOf } from './client-tokens.js';
import { splitKey, type Shown } from './shown.js';

export interface ServerTokenOptions {
  /** What answers show; see `shows`. Default: nothing, so only writes are told. */
  shows?: readonly Shown[];
}

/**
 * For a server's options, `new Server({ interceptors: [tokenServerInterceptor()] })`: each call runs in a `TokenScope` that
 * begins with what its caller has seen, and its trailers tell what was seen or written meanwhile, with errors too.
 */
export function tokenServerInterceptor({ shows = [] }: ServerTokenOptions = {}): ServerInterceptor {
  const byPath = new Map(shows.map((shown) => [shown.path, shown]));
  return ({ path }, call) => {
    const scoped = new ScopedCall();
    const shown = byPath.get(path);
    return new ServerInterceptingCall(call, {
      start: (next) => next(scoped.listener),
      sendMessage: (message: unknown, next) => {
        if (shown !== undefined) scoped.answered(message, shown);
        next(message);
      },
      sendStatus: (end, next) => next({ ...end, metadata: scoped.trailers(end.code, end.metadata) }),
    });
  };
}

class ScopedCall {
  #scope = new TokenScope();

  /** Handlers are begun by the metadata or by the end of the request, as their kind of method has it. */
  get listener(): ServerListener {
    return {
      onReceiveMetadata: (metadata, next) => {
        this.#scope = new TokenScope(tokensOf(metadata));
        this.#scope.run(() => next(metadata));
      },
      onReceiveMessage: (message: unknown, next) => this.#scope.run(() => next(message)),
      onReceiveHalfClose: (next) => this.#scope.run(next),
    };
  }

  answered(message: unknown, { source, versionsOf }: Shown): void {
    for (const { key, version } of versionsOf(message)) {
      const aggregate = splitKey(key);
      if (aggregate !== undefined) this.#scope.saw({ source, ...aggregate, version });
    }
  }

  trailers(code: status, given?: Metadata | null): Metadata | null {
    const told = this.#scope.told({ ok: code === status.OK });
    if (told.isEmpty) return given ?? null;
    const trailers = given?.clone() ?? new Metadata();
    trailers.set(TOKEN_HEADER, told.encode());
    return trailers;
  }
}
