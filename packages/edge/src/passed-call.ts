import type { Metadata, StatusObject } from '@grpc/grpc-js';
import type { CallContext, CallListener, CallRoute, ProviderCall } from './provider-call.js';

/** What is told about a call that goes to the provider. */
export interface CallObserver {
  /** The request, just before it is sent. */
  sent: (metadata: Metadata, request: unknown) => void;
  /** The end, just before the caller learns of it. What it returns is run just after. */
  ended: (end: StatusObject, message: unknown) => () => void;
}

/** A call that the provider answers, untouched, with somebody looking on. */
export class PassedCall implements ProviderCall {
  readonly #call: ProviderCall;
  readonly #observer: CallObserver;
  #metadata: Metadata | undefined;

  constructor({ options, nextCall }: CallRoute, observer: CallObserver) {
    this.#call = nextCall(options);
    this.#observer = observer;
  }

  start(metadata: Metadata, listener?: Partial<CallListener>): void {
    this.#metadata = metadata;
    let message: unknown;
    this.#call.start(metadata, {
      onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
      onReceiveMessage: (received: unknown) => {
        message = received ?? undefined;
        listener?.onReceiveMessage?.(received);
      },
      onReceiveStatus: (end) => {
        const after = this.#observer.ended(end, message);
        listener?.onReceiveStatus?.(end);
        after();
      },
    });
  }

  sendMessageWithContext(context: CallContext, message: unknown): void {
    if (this.#metadata !== undefined) this.#observer.sent(this.#metadata, message);
    this.#call.sendMessageWithContext(context, message);
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  halfClose(): void {
    this.#call.halfClose();
  }

  startRead(): void {
    this.#call.startRead();
  }

  cancelWithStatus(...args: Parameters<ProviderCall['cancelWithStatus']>): void {
    this.#call.cancelWithStatus(...args);
  }

  getPeer(): string {
    return this.#call.getPeer();
  }

  getAuthContext(): ReturnType<ProviderCall['getAuthContext']> {
    return this.#call.getAuthContext();
  }
}
