import { Metadata as WireMetadata, status, type Interceptor } from '@grpc/grpc-js';
import { ClientError, Metadata, Status, type CallOptions, type ClientMiddleware } from 'nice-grpc';
import { throughInterceptors } from '../foreign/foreign-call.js';
import { causeOf, ForeignFailure, type Sent, type SendOptions } from '../foreign/foreign-provider-call.js';

/**
 * Puts edges into a client of nice-grpc: `createClientFactory().use(edgeMiddleware([edge.interceptor]))`. The same edge, with
 * the same stage and evidence, as in a client of grpc-js; unary calls of other methods take the interceptors as well and
 * are passed on by edges, streams pass untouched.
 *
 * Trap: nice-grpc knows no deadline of its own: its deadline middleware aborts a signal. An edge then ends with the caller,
 * but cannot tell how long it has, so `readTimeoutMs` alone decides when `prefer-replica` gives up on the replica.
 *
 * @param interceptors of grpc-js, the first one outermost
 */
export function edgeMiddleware(interceptors: readonly Interceptor[]): ClientMiddleware {
  return async function* (call, options) {
    if (call.responseStream || call.requestStream) return yield* call.next(requestOf(call), options);
    const { path } = call.method;
    const next = async (request: unknown, given: CallOptions): Promise<unknown> =>
      (await call.next(request as typeof call.request, { ...options, ...given }).next()).value;
    const { header, message, end } = await throughInterceptors(interceptors, {
      path,
      request: call.request,
      metadata: toWire(options.metadata ?? Metadata()),
      deadlineMs: Infinity,
      signal: options.signal,
      send: (request, sending) => send((given) => next(request, given), sending),
    });
    options.onHeader?.(fromWire(header));
    options.onTrailer?.(fromWire(end.metadata));
    if (end.code === status.OK) return message as never;
    options.signal?.throwIfAborted();
    throw causeOf(end) ?? new ClientError(path, codeOf(end.code), end.details);
  };
}

/** Both libraries have gRPC's numbers, each in an enum of its own. */
function codeOf(code: number): Status {
  return isStatus(code) ? code : Status.UNKNOWN;
}

function isStatus(code: number): code is Status {
  return code in Status;
}

function requestOf<Request>(
  call: { requestStream: true; request: AsyncIterable<Request> } | { requestStream: false; request: Request },
): Request | AsyncIterable<Request> {
  return call.request;
}

async function send(
  next: (options: CallOptions) => Promise<unknown>,
  { metadata, signal }: SendOptions,
): Promise<Sent> {
  let header: WireMetadata | undefined;
  const trailer = new WireMetadata();
  try {
    const message = await next({
      metadata: fromWire(metadata),
      signal,
      onHeader: (received) => (header = toWire(received)),
      onTrailer: (received) => trailer.merge(toWire(received)),
    });
    return { header: header ?? new WireMetadata(), message, trailer };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const { code, details } = error;
    throw new ForeignFailure({ code, details, header, metadata: trailer }, error);
  }
}

function toWire(metadata: Metadata): WireMetadata {
  const wire = new WireMetadata();
  for (const [key, values] of metadata) {
    for (const value of values) wire.add(key, typeof value === 'string' ? value : Buffer.from(value));
  }
  return wire;
}

function fromWire(wire: WireMetadata): Metadata {
  const metadata = Metadata();
  for (const key of Object.keys(wire.getMap())) metadata.set(key, wire.get(key));
  return metadata;
}
