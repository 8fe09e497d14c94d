import { InterceptingCall, type Metadata, type StatusObject } from '@grpc/grpc-js';
import type { CallContext, CallListener, CallRoute, ProviderCall } from './provider-call.js';

/** What is told about a call that goes to the provider. */
export interface CallObserver {
  /** The request, just before it is sent. */
  sent: (metadata: Metadata, request: unknown) => void;
  /** A message, just before the caller has it. */
  received?: (message: unknown) => void;
  /** The end, just before the caller learns of it. What it returns is run just after. */
  ended: (end: StatusObject, message: unknown) => () => void;
}

/**
 * A call that the provider answers, untouched, with somebody looking on. It overrides what it watches instead of giving
 * InterceptingCall a requester, which costs several times as much a call.
 */
export class PassedCall extends InterceptingCall {
  readonly #call: ProviderCall;
  readonly #observer: CallObserver;
  #metadata: Metadata | undefined;

  constructor({ options, nextCall }: CallRoute, observer: CallObserver) {
    const call = nextCall(options);
    super(call);
    this.#call = call;
    this.#observer = observer;
  }

  override start(metadata: Metadata, listener?: Partial<CallListener>): void {
    this.#metadata = metadata;
    let message: unknown;
    this.#call.start(metadata, {
      onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
      onReceiveMessage: (received: unknown) => {
        message = received ?? undefined;
        this.#observer.received?.(received);
        listener?.onReceiveMessage?.(received);
      },
      onReceiveStatus: (end) => {
        const after = this.#observer.ended(end, message);
        listener?.onReceiveStatus?.(end);
        after();
      },
    });
  }

  override sendMessageWithContext(context: CallContext, message: unknown): void {
    if (this.#metadata !== undefined) this.#observer.sent(this.#metadata, message);
    this.#call.sendMessageWithContext(context, message);
  }

  override halfClose(): void {
    this.#call.halfClose();
  }
}
