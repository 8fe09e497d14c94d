import {
  credentials,
  InterceptingCall,
  Metadata,
  type CallOptions,
  type Client,
  type ChannelCredentials,
  type ClientOptions,
  type Interceptor,
  type ServiceError,
} from '@grpc/grpc-js';
import { guardClient, type ClientLedger, type GuardedEdge, type ReactionOrigin } from '@banyan/edge';
import { tokenInterceptor } from '@banyan/edge/tokens';
import { CALLER_HEADER, detached, type CallOrigin } from './call-context.js';

/** A generated client class. */
export type ClientClass<C> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C;

export interface ClientForOptions {
  /** Who calls: sent as `banyan-caller`. */
  caller: string;
  /** The edges that begin at this client: what switches the path of their methods. Default: none. */
  edges?: readonly GuardedEdge[];
  /** Books what is called, on behalf of its own service, which must be the `caller`. Default: nothing is booked. */
  ledger?: ClientLedger | undefined;
  /** Run around each call, the first one outermost, outside of the edges. Default: none. */
  interceptors?: readonly Interceptor[];
}

/** What a service puts into its clients, whoever is called. */
export type ClientWiring = Pick<ClientForOptions, 'edges' | 'ledger' | 'interceptors'>;

const DEFAULT_TIMEOUT_MS = 5_000;

/**
 * A client of another service, with its generated type. Nothing is retried: whoever calls knows whether the call may run
 * twice. A call made while the connection is being opened waits for it; one made while the other side is known to be
 * away fails at once with UNAVAILABLE. Reconnects are tried after 100 ms to 2 s. What the caller has seen goes along, and
 * what the answer says that was seen comes back (see docs/edges/freshness.md).
 *
 * @param address host:port
 */
export function clientFor<C extends Client>(
  client: ClientClass<C>,
  address: string,
  options: ClientForOptions,
): C {
  const { caller, edges = [], interceptors = [], ledger } = options;
  const made = new client(address, credentials.createInsecure(), {
    interceptors: [
      ...interceptors,
      ...edges.map(({ interceptor }) => interceptor),
      tokenInterceptor(),
      ledger?.interceptor ?? callerInterceptor(caller),
    ],
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  return guardClient(made, edges);
}

/** The callback form of a generated client's method, bound to its client. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/**
 * Calls a unary method and returns its answer as a promise: `unary(client.getTeam.bind(client), { id }, context)`.
 *
 * @param origin whose deadline and cancellation are passed on, mostly the context of the call being served, or what a reaction
 *   gives its call, whose metadata goes along. Default: none, and 5 s.
 * @throws ServiceError of grpc-js
 */
export function unary<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  origin: CallOrigin | ReactionOrigin = detached(DEFAULT_TIMEOUT_MS),
): Promise<Response> {
  const { deadlineMs } = origin;
  // The metadata of a call being served is its caller's, and is not passed on.
  const call = 'call' in origin ? origin.call : undefined;
  const metadata = call === undefined && 'metadata' in origin ? origin.metadata.clone() : new Metadata();
  const options = { deadline: deadlineMs, ...(call === undefined ? {} : { parent: call }) };
  return new Promise((resolve, reject) => {
    method(request, metadata, options, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

function callerInterceptor(caller: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        metadata.set(CALLER_HEADER, caller);
        next(metadata, listener);
      },
    });
}
