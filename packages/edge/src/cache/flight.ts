import { Metadata, status, type InterceptorOptions, type StatusObject } from '@grpc/grpc-js';
import type { CachedEntry } from './edge-cache.js';
import type { CallContext, CallRoute, ProviderCall } from '../query/provider-call.js';

/** How a call to the provider ended. */
export interface Landed {
  end: StatusObject;
  /** Undefined without an answer. */
  message: unknown;
  head: Metadata;
  /** A copy, made before anybody was given the answer; undefined of what is not kept. */
  entry: CachedEntry | undefined;
}

export interface FlightRequest {
  route: CallRoute;
  metadata: Metadata;
  context: CallContext;
  body: unknown;
}

/** Makes the copy of an answer. Must not throw. */
export type KeepAnswer = (end: StatusObject, message: unknown) => CachedEntry | undefined;

/**
 * One call to the provider for all who ask for the same at the same time. States: under way, with those who wait → landed, or
 * given up when the last of them has left. It has no deadline of its own: each who waits has, and the last one's cancels it.
 */
export class Flight {
  readonly startedMs: number;
  readonly landed: Promise<Landed>;
  readonly #call: ProviderCall;
  #waiting = 0;
  #isJoinable = true;

  constructor({ route, metadata, context, body }: FlightRequest, startedMs: number, keep: KeepAnswer) {
    this.startedMs = startedMs;
    this.#call = route.nextCall(withoutLimits(route.options));
    this.landed = new Promise((resolve) => {
      let message: unknown;
      let head = new Metadata();
      this.#call.start(metadata.clone(), {
        onReceiveMetadata: (received) => (head = received),
        onReceiveMessage: (received: unknown) => (message = received ?? undefined),
        onReceiveStatus: (end) => {
          this.#isJoinable = false;
          resolve({ end, message, head, entry: keep(end, message) });
        },
      });
    });
    this.#call.sendMessageWithContext(context, body);
    this.#call.halfClose();
  }

  /** False once it has landed, or was given up. */
  get isJoinable(): boolean {
    return this.#isJoinable;
  }

  /** @returns to be called when one does not wait any more */
  join(): () => void {
    this.#waiting += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#waiting -= 1;
      if (this.#waiting > 0 || !this.#isJoinable) return;
      this.#isJoinable = false;
      this.#call.cancelWithStatus(status.CANCELLED, 'nobody waits for the answer any more');
    };
  }
}

/** The deadline and the cancellation of one who waits must not be those of all. */
function withoutLimits(options: InterceptorOptions): InterceptorOptions {
  const { parent: _parent, propagate_flags: _flags, deadline: _deadline, ...rest } = options;
  return rest;
}
