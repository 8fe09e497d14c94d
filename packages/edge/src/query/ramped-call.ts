import { Metadata, type StatusObject } from '@grpc/grpc-js';
import type { CallContext, CallListener, CallRoute, ProviderCall } from './provider-call.js';

type State =
  | { kind: 'waiting'; started?: { metadata: Metadata; listener: Partial<CallListener> } }
  | { kind: 'routed'; call: ProviderCall }
  | { kind: 'ended' };

/**
 * A call whose way depends on its request. States: waiting for the request → routed; or ended, if it is cancelled before.
 * Everything from the request on is the routed call's.
 */
export class RampedCall implements ProviderCall {
  readonly #routeOf: (request: unknown) => ProviderCall;
  readonly #route: CallRoute;
  #state: State = { kind: 'waiting' };

  /** @param routeOf opens the call's way once its request is known */
  constructor(route: CallRoute, routeOf: (request: unknown) => ProviderCall) {
    this.#route = route;
    this.#routeOf = routeOf;
  }

  start(metadata: Metadata, listener: Partial<CallListener> = {}): void {
    if (this.#state.kind === 'waiting') this.#state = { kind: 'waiting', started: { metadata, listener } };
  }

  sendMessageWithContext(context: CallContext, message: unknown): void {
    this.#routed(message)?.sendMessageWithContext(context, message);
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  halfClose(): void {
    // A unary call that ends without a request is its provider's to refuse.
    if (this.#state.kind === 'waiting') this.#open(this.#route.nextCall(this.#route.options));
    if (this.#state.kind === 'routed') this.#state.call.halfClose();
  }

  cancelWithStatus(code: StatusObject['code'], details: string): void {
    const state = this.#state;
    if (state.kind === 'routed') state.call.cancelWithStatus(code, details);
    if (state.kind !== 'waiting') return;
    this.#state = { kind: 'ended' };
    queueMicrotask(() => {
      state.started?.listener.onReceiveStatus?.({ code, details, metadata: new Metadata() });
    });
  }

  startRead(): void {
    if (this.#state.kind === 'routed') this.#state.call.startRead();
  }

  getPeer(): string {
    return this.#state.kind === 'routed' ? this.#state.call.getPeer() : 'unknown';
  }

  getAuthContext(): ReturnType<ProviderCall['getAuthContext']> {
    return this.#state.kind === 'routed' ? this.#state.call.getAuthContext() : null;
  }

  #routed(message: unknown): ProviderCall | undefined {
    if (this.#state.kind === 'routed') return this.#state.call;
    return this.#state.kind === 'waiting' ? this.#open(this.#routeOf(message)) : undefined;
  }

  #open(call: ProviderCall): ProviderCall {
    const started = this.#state.kind === 'waiting' ? this.#state.started : undefined;
    this.#state = { kind: 'routed', call };
    call.start(started?.metadata ?? new Metadata(), started?.listener);
    return call;
  }
}
