import {
  status,
  type Metadata,
  type InterceptorOptions,
  type NextCall,
  type StatusObject,
} from '@grpc/grpc-js';
import type { ProviderAnswer } from '../comparison/comparison.js';

/** A call on its way to the provider, as grpc-js's interceptors hand it on. (The type has no exported name.) */
export type ProviderCall = ReturnType<NextCall>;
export type CallListener = NonNullable<Parameters<ProviderCall['start']>[1]>;
export type CallContext = Parameters<ProviderCall['sendMessageWithContext']>[0];

export type StatusCode = StatusObject['code'];

/** How to reach the provider for one call: the options of the call and the rest of the interceptors. */
export interface CallRoute {
  options: InterceptorOptions;
  nextCall: NextCall;
}

/** Statuses that say nothing about what was asked for: somebody was in the way. */
const IN_THE_WAY: ReadonlySet<StatusCode> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

/** Whether a call ended as it might with nobody there: neither answered, nor given up by its caller. */
export function isOutage(code: StatusCode): boolean {
  return code !== status.CANCELLED && IN_THE_WAY.has(code);
}

/** What a finished call says about the data. */
export function answerOf<Response>(
  code: StatusCode,
  message: Response | undefined,
): ProviderAnswer<Response> {
  if (code === status.OK && message !== undefined) return { kind: 'found', response: message };
  if (code === status.NOT_FOUND) return { kind: 'not-found' };
  return { kind: code === status.OK || IN_THE_WAY.has(code) ? 'failed' : 'refused', code };
}

export interface OwnQuestion {
  metadata: Metadata;
  request: unknown;
  timeoutMs: number;
}

/**
 * Asks the provider on our own account, for a comparison: with the caller's metadata and credentials, but a deadline of its
 * own, and not as a child of the call that the caller may be serving (which ends before this does).
 */
export function askProvider<Response>(
  route: CallRoute,
  question: OwnQuestion,
): Promise<ProviderAnswer<Response>> {
  const { parent: _parent, propagate_flags: _flags, ...options } = route.options;
  return new Promise((resolve) => {
    const call = route.nextCall({ ...options, deadline: Date.now() + question.timeoutMs });
    let message: Response | undefined;
    call.start(question.metadata.clone(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (received: Response | null) => (message = received ?? undefined),
      onReceiveStatus: (end: StatusObject) => resolve(answerOf(end.code, message)),
    });
    call.sendMessageWithContext({}, question.request);
    call.halfClose();
  });
}
