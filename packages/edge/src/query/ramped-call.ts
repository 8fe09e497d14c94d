import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { CallContext, CallListener, CallRoute, ProviderCall } from './provider-call.js';

interface Started {
  metadata: Metadata;
  listener: Partial<CallListener>;
}

/** The request of a call whose way is still being decided. */
interface Pending {
  context: CallContext;
  message: unknown;
  isHalfClosed: boolean;
}

type State =
  | { kind: 'waiting'; started?: Started; pending?: Pending }
  | { kind: 'routed'; call: ProviderCall }
  | { kind: 'ended' };

/** How a call finds its way. */
export interface RampedWays<Way> {
  /** Decides by the request; a promise must not reject. */
  decide: (request: unknown) => Way | Promise<Way>;
  open: (way: Way) => ProviderCall;
}

/**
 * A call whose way depends on its request. States: waiting for the request, and for the decision if that takes a promise →
 * routed; or ended, if it is cancelled before. Everything from the request on is the routed call's.
 */
export class RampedCall<Way> implements ProviderCall {
  readonly #ways: RampedWays<Way>;
  readonly #route: CallRoute;
  #state: State = { kind: 'waiting' };

  constructor(route: CallRoute, ways: RampedWays<Way>) {
    this.#route = route;
    this.#ways = ways;
  }

  start(metadata: Metadata, listener: Partial<CallListener> = {}): void {
    if (this.#state.kind === 'waiting') this.#state = { kind: 'waiting', started: { metadata, listener } };
  }

  sendMessageWithContext(context: CallContext, message: unknown): void {
    const state = this.#state;
    if (state.kind === 'routed') state.call.sendMessageWithContext(context, message);
    if (state.kind !== 'waiting' || state.pending !== undefined) return;
    const way = this.#ways.decide(message);
    if (!(way instanceof Promise)) {
      this.#open(this.#ways.open(way)).sendMessageWithContext(context, message);
      return;
    }
    this.#state = { ...state, pending: { context, message, isHalfClosed: false } };
    void this.#openOnce(way);
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  halfClose(): void {
    const state = this.#state;
    if (state.kind === 'routed') state.call.halfClose();
    if (state.kind !== 'waiting') return;
    if (state.pending !== undefined) state.pending.isHalfClosed = true;
    // A unary call that ends without a request is its provider's to refuse.
    else this.#open(this.#route.nextCall(this.#route.options)).halfClose();
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

  /** Hands the request on once it is decided where to. */
  async #openOnce(way: Promise<Way>): Promise<void> {
    try {
      const decided = await way;
      const { pending } = this.#state.kind === 'waiting' ? this.#state : {};
      if (pending === undefined) return;
      const call = this.#open(this.#ways.open(decided));
      call.sendMessageWithContext(pending.context, pending.message);
      if (pending.isHalfClosed) call.halfClose();
    } catch (error) {
      this.cancelWithStatus(status.INTERNAL, error instanceof Error ? error.message : String(error));
    }
  }

  #open(call: ProviderCall): ProviderCall {
    const started = this.#state.kind === 'waiting' ? this.#state.started : undefined;
    this.#state = { kind: 'routed', call };
    call.start(started?.metadata ?? new Metadata(), started?.listener);
    return call;
  }
}
