import {
  InterceptingCall,
  type Metadata,
  type Interceptor,
  type InterceptorOptions,
  type NextCall,
} from '@grpc/grpc-js';
import { currentTokens, TOKEN_HEADER, TokenSet, type TokenScope } from '@banyan/runtime';

type Call = ReturnType<NextCall>;
type Listener = NonNullable<Parameters<Call['start']>[1]>;

/**
 * For a client's constructor, after the interceptors of its edges: every call says what its caller has seen, and the caller
 * has then seen what the answer says, errors included. Does nothing outside of a `TokenScope`.
 */
export function tokenInterceptor(): Interceptor {
  return (options: InterceptorOptions, nextCall: NextCall) => {
    const scope = currentTokens();
    const call = nextCall(options);
    return scope === undefined ? new InterceptingCall(call) : new TokenCall(call, scope);
  };
}

/** Overrides what it changes instead of giving InterceptingCall a requester, which costs several times as much a call. */
class TokenCall extends InterceptingCall {
  readonly #call: Call;
  readonly #scope: TokenScope;

  constructor(call: Call, scope: TokenScope) {
    super(call);
    this.#call = call;
    this.#scope = scope;
  }

  override start(metadata: Metadata, listener?: Partial<Listener>): void {
    this.#call.start(withTokens(metadata, this.#scope.seen), {
      onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
      onReceiveMessage: (message: unknown) => listener?.onReceiveMessage?.(message),
      onReceiveStatus: (end) => {
        this.#scope.sawAll(tokensOf(end.metadata));
        listener?.onReceiveStatus?.(end);
      },
    });
  }

  override sendMessageWithContext(
    context: Parameters<Call['sendMessageWithContext']>[0],
    message: unknown,
  ): void {
    this.#call.sendMessageWithContext(context, message);
  }

  override halfClose(): void {
    this.#call.halfClose();
  }
}

/** What metadata, or trailers, say that somebody has seen. */
export function tokensOf(metadata: Metadata): TokenSet {
  const written = metadata.get(TOKEN_HEADER).map(String);
  return written.length === 0 ? new TokenSet() : TokenSet.decode(written.join(','));
}

/** A copy: callers may use theirs again. */
function withTokens(metadata: Metadata, seen: TokenSet): Metadata {
  if (seen.isEmpty) return metadata;
  const sent = metadata.clone();
  sent.set(TOKEN_HEADER, seen.encode());
  return sent;
}
