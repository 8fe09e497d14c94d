import { InterceptingCall, Metadata, status, type Interceptor, type StatusObject } from '@grpc/grpc-js';
import { messageOf } from '@banyan/runtime';
import { ForeignProviderCall, type Send } from './foreign-provider-call.js';
import type { ProviderCall } from '../query/provider-call.js';

/** A unary call of a client that is not grpc-js's own. */
export interface ForeignCall {
  /** `/package.Service/Method`. */
  path: string;
  request: unknown;
  metadata: Metadata;
  /** ms since 1970; Infinity: none. */
  deadlineMs: number;
  /** The caller's own; aborting it ends the call. */
  signal: AbortSignal | undefined;
  /** Makes the call. May be called again later, for a comparison. */
  send: Send;
}

/** How a call ended, whoever answered it. */
export interface ForeignEnd {
  header: Metadata;
  message: unknown;
  end: StatusObject;
}

/**
 * Runs interceptors of grpc-js around a call of another library. So there is one way that a call takes, whatever client makes
 * it: edges, and all else that is an interceptor, know nothing of where they run. The first interceptor is the outermost.
 */
export function throughInterceptors(
  interceptors: readonly Interceptor[],
  call: ForeignCall,
): Promise<ForeignEnd> {
  return new Promise((resolve) => {
    const opened = open(interceptors, call);
    const abort = (): void => opened.cancelWithStatus(status.CANCELLED, abortReason(call.signal));
    let header = new Metadata();
    let message: unknown;
    opened.start(call.metadata, {
      onReceiveMetadata: (received) => (header = received),
      onReceiveMessage: (received: unknown) => (message = received ?? undefined),
      onReceiveStatus: (end) => {
        call.signal?.removeEventListener('abort', abort);
        resolve({ header, message, end });
      },
    });
    call.signal?.addEventListener('abort', abort, { once: true });
    opened.sendMessageWithContext({}, call.request);
    opened.halfClose();
    if (call.signal?.aborted === true) abort();
  });
}

function open(interceptors: readonly Interceptor[], { path, deadlineMs, send }: ForeignCall): ProviderCall {
  const [first, ...others] = interceptors;
  const bottom: Interceptor = (options) =>
    new InterceptingCall(new ForeignProviderCall({ deadlineMs: msOf(options.deadline), send }));
  const chain = [...others, bottom].reduceRight<(options: Parameters<Interceptor>[0]) => InterceptingCall>(
    (next, interceptor) => (options) => interceptor(options, next),
    () => {
      throw new Error('the last interceptor makes the call');
    },
  );
  const options = {
    method_definition: definitionOf(path),
    ...(deadlineMs === Infinity ? {} : { deadline: deadlineMs }),
  };
  return first === undefined ? chain(options) : first(options, chain);
}

/** Messages stay objects on their way through: nobody but the client's own library puts them into bytes. */
function definitionOf(path: string): Parameters<Interceptor>[0]['method_definition'] {
  const refuse = (): never => {
    throw new Error(`${path} is serialised by the client's own library`);
  };
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: refuse,
    responseDeserialize: refuse,
  };
}

function msOf(deadline: Date | number | undefined): number {
  return deadline instanceof Date ? deadline.getTime() : (deadline ?? Infinity);
}

function abortReason(signal: AbortSignal | undefined): string {
  return signal === undefined ? 'Cancelled' : messageOf(signal.reason);
}
