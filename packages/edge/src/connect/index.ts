import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethodUnary,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Metadata as WireMetadata, status, type Interceptor, type MethodDefinition } from '@grpc/grpc-js';
import {
  Code,
  ConnectError,
  decodeBinaryHeader,
  encodeBinaryHeader,
  type Interceptor as ConnectInterceptor,
  type UnaryRequest,
} from '@connectrpc/connect';
import { throughInterceptors, type ForeignEnd } from '../foreign/foreign-call.js';
import { causeOf, ForeignFailure, type Sent, type SendOptions } from '../foreign/foreign-provider-call.js';

/**
 * Puts edges into a client of Connect, whichever protocol its transport speaks:
 * `createGrpcTransport({ baseUrl, interceptors: [edgeInterceptor([edge.interceptor])] })`. The same edge, with the same stage
 * and evidence, as in a client of grpc-js; unary calls of other methods take the interceptors as well and are passed on by
 * edges, streams pass untouched. Make the edge with `method: unaryMethod(Projects.method.getProject)`: its messages are those of
 * protobuf-es.
 *
 * @param interceptors of grpc-js, the first one outermost
 */
export function edgeInterceptor(interceptors: readonly Interceptor[]): ConnectInterceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const ended = await throughInterceptors(interceptors, {
      path: pathOf(request.method),
      request: request.message,
      metadata: toWire(request.header),
      deadlineMs: deadlineOf(request.header),
      signal: request.signal,
      send: (message, options) => send(next, requestWith(request, message, options)),
    });
    return answerOf(request, ended);
  };
}

/** The definition of a unary method as an edge wants it, from the one that protobuf-es generates. */
export function unaryMethod<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  return {
    path: pathOf(method),
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(method.output, message)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

function pathOf({ parent, name }: Pick<DescMethodUnary, 'parent' | 'name'>): string {
  return `/${parent.typeName}/${name}`;
}

type Next = Parameters<ConnectInterceptor>[0];

/** The request as the interceptors let it through; a call of an edge's own must outlive the caller's, so it gets all anew. */
function requestWith(
  request: UnaryRequest,
  message: unknown,
  { metadata, deadlineMs, signal }: SendOptions,
): UnaryRequest {
  const header = fromWire(metadata);
  if (deadlineMs !== Infinity)
    header.set(TIMEOUT_HEADER, `${Math.max(0, Math.ceil(deadlineMs - Date.now()))}m`);
  return { ...request, message: message as UnaryRequest['message'], header, signal };
}

async function send(next: Next, request: UnaryRequest): Promise<Sent> {
  try {
    const { message, header, trailer } = await next(request);
    return { message, header: toWire(header), trailer: toWire(trailer) };
  } catch (error) {
    const { code, rawMessage, metadata } = ConnectError.from(error);
    throw new ForeignFailure({ code, details: rawMessage, metadata: toWire(metadata) }, error);
  }
}

function answerOf(request: UnaryRequest, { header, message, end }: ForeignEnd): Awaited<ReturnType<Next>> {
  if (end.code !== status.OK) {
    throw causeOf(end) ?? new ConnectError(end.details, codeOf(end.code), fromWire(end.metadata));
  }
  const { service, method } = request;
  return {
    stream: false,
    service,
    method,
    header: fromWire(header),
    trailer: fromWire(end.metadata),
    message: message === undefined ? create(method.output) : (message as MessageShape<DescMessage>),
  };
}

/** Connect's codes have the numbers of gRPC's. */
function codeOf(code: number): Code {
  return isCode(code) ? code : Code.Unknown;
}

function isCode(code: number): code is Code {
  return code in Code;
}

const TIMEOUT_HEADER = 'grpc-timeout';
const UNIT_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** The caller's `timeoutMs` reaches an interceptor in this header only; other protocols than gRPC have none. */
function deadlineOf(header: Headers): number {
  const [, value, unit = ''] = /^(\d+)([HMSmun])$/.exec(header.get(TIMEOUT_HEADER) ?? '') ?? [];
  return value === undefined ? Infinity : Date.now() + Number(value) * (UNIT_MS[unit] ?? NaN);
}

function toWire(headers: Headers): WireMetadata {
  const wire = new WireMetadata();
  headers.forEach((value, key) => {
    if (!key.endsWith('-bin')) wire.add(key, value);
    else for (const each of value.split(',')) wire.add(key, Buffer.from(decodeBinaryHeader(each.trim())));
  });
  return wire;
}

function fromWire(wire: WireMetadata): Headers {
  const headers = new Headers();
  for (const key of Object.keys(wire.getMap())) {
    for (const value of wire.get(key)) {
      headers.append(key, typeof value === 'string' ? value : encodeBinaryHeader(value));
    }
  }
  return headers;
}
