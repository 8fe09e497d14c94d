import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { CallerLimits } from './caller-limits.js';
import type { CallContext, CallListener, CallRoute, ProviderCall } from './provider-call.js';

/** What is to happen to a call that the replica was asked first. */
export type ReplicaDecision =
  | { kind: 'answer'; message: unknown; head?: Metadata; trailers?: Metadata }
  | { kind: 'fail'; status: Partial<StatusObject> & Pick<StatusObject, 'code' | 'details'> }
  /** Let the provider answer. */
  | { kind: 'pass' };

export interface ReplicaCallParts {
  route: CallRoute;
  /** Asks the replica. `remainingMs` is what the caller's deadline leaves. Must not throw. */
  decide: (metadata: Metadata, request: unknown, remainingMs: number) => Promise<ReplicaDecision>;
  /** Opens the way to the provider. */
  pass: () => ProviderCall;
  /** Called just before the caller gets a status that is not the provider's; what it returns is run just after. */
  ended: (end: StatusObject) => () => void;
}

/** The caller's own time was over before the replica answered. */
export const TOO_LATE: Pick<StatusObject, 'code' | 'details'> = {
  code: status.DEADLINE_EXCEEDED,
  details: 'Deadline exceeded before there was an answer',
};

/** What the caller has handed over so far. */
interface Collected {
  metadata: Metadata;
  listener: Partial<CallListener>;
  message?: { context: CallContext; body: unknown };
}

type State =
  | { kind: 'collecting'; collected?: Collected }
  | { kind: 'reading'; collected: Collected }
  | { kind: 'passed'; call: ProviderCall }
  | { kind: 'ended' };

/**
 * A unary call that the replica is asked first. States: collecting the request → reading the replica → ended, or passed on
 * to the provider, whose call exists only from then on (a grpc-js call runs its deadline from creation). The caller's
 * deadline and cancellation end it in every state, those inherited from a parent call too.
 */
export class ReplicaCall implements ProviderCall {
  readonly #parts: ReplicaCallParts;
  readonly #limits: CallerLimits;
  #state: State = { kind: 'collecting' };

  constructor(parts: ReplicaCallParts) {
    this.#parts = parts;
    this.#limits = new CallerLimits(parts.route.options);
  }

  start(metadata: Metadata, listener: Partial<CallListener> = {}): void {
    if (this.#state.kind !== 'collecting') return;
    this.#state = { kind: 'collecting', collected: { metadata, listener } };
    this.#limits.onCancelled(() => this.cancelWithStatus(status.CANCELLED, 'Cancelled by parent call'));
  }

  sendMessageWithContext(context: CallContext, body: unknown): void {
    if (this.#state.kind !== 'collecting' || this.#state.collected === undefined) return;
    this.#state.collected.message = { context, body };
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  halfClose(): void {
    if (this.#state.kind !== 'collecting' || this.#state.collected === undefined) return;
    const { collected } = this.#state;
    this.#state = { kind: 'reading', collected };
    void this.#answer(collected);
  }

  cancelWithStatus(code: StatusObject['code'], details: string): void {
    const state = this.#state;
    if (state.kind === 'passed') state.call.cancelWithStatus(code, details);
    else if (state.kind !== 'ended') queueMicrotask(() => this.#end(undefined, { code, details }));
  }

  startRead(): void {
    if (this.#state.kind === 'passed') this.#state.call.startRead();
  }

  getPeer(): string {
    return this.#state.kind === 'passed' ? this.#state.call.getPeer() : 'replica';
  }

  getAuthContext(): ReturnType<ProviderCall['getAuthContext']> {
    return this.#state.kind === 'passed' ? this.#state.call.getAuthContext() : null;
  }

  async #answer({ metadata, message }: Collected): Promise<void> {
    const remainingMs = this.#limits.remainingMs();
    const decision = await this.#parts.decide(metadata, message?.body, remainingMs);
    if (this.#state.kind !== 'reading') return;
    if (this.#limits.remainingMs() <= 0) {
      this.#end(undefined, TOO_LATE);
    } else if (decision.kind === 'answer') {
      const { message, head, trailers: metadata } = decision;
      const end = { code: status.OK, details: 'OK', ...(metadata === undefined ? {} : { metadata }) };
      this.#end(message, end, head);
    } else if (decision.kind === 'fail') {
      this.#end(undefined, decision.status);
    } else {
      this.#passOn(this.#state.collected);
    }
  }

  #passOn({ metadata, listener, message }: Collected): void {
    this.#limits.release();
    const call = this.#parts.pass();
    this.#state = { kind: 'passed', call };
    call.start(metadata, listener);
    if (message !== undefined) call.sendMessageWithContext(message.context, message.body);
    call.halfClose();
  }

  /** Tells the caller: metadata, message, status, in the order in which grpc-js does. */
  #end(
    message: unknown,
    end: Partial<StatusObject> & Pick<StatusObject, 'code' | 'details'>,
    head = new Metadata(),
  ): void {
    const state = this.#state;
    if (state.kind === 'ended' || state.kind === 'passed') return;
    const listener = state.collected?.listener;
    this.#state = { kind: 'ended' };
    this.#limits.release();
    const full: StatusObject = { metadata: new Metadata(), ...end };
    const after = this.#parts.ended(full);
    if (full.code === status.OK) listener?.onReceiveMetadata?.(head);
    // Like grpc-js, which gives a unary call without an answer the message null.
    listener?.onReceiveMessage?.(message ?? null);
    listener?.onReceiveStatus?.(full);
    after();
  }
}
