import { setImmediate } from 'node:timers/promises';
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { CallerLimits } from '../query/caller-limits.js';
import type { CallContext, CallListener, CallRoute, ProviderCall } from '../query/provider-call.js';
import { TOO_LATE } from '../query/replica-call.js';
import type { Step } from './stream-reading.js';

type End = Pick<StatusObject, 'code' | 'details'> & Partial<StatusObject>;

export interface Failure {
  kind: 'fail';
  status: End;
}

/** What is to happen to a call that the replica was asked first. */
export type Opening = Step<unknown> | Failure | { kind: 'pass' };

export interface StreamCallParts {
  route: CallRoute;
  /** Asks the replica for its first message. `remainingMs` is what the caller's deadline leaves. Must not throw. */
  open: (request: unknown, remainingMs: number) => Promise<Opening>;
  /** Draws the next message. Must not throw. */
  next: () => Promise<Step<unknown> | Failure>;
  /** Opens the way to the provider. */
  pass: () => ProviderCall;
  /** Called just before the caller gets a message of the replica. */
  gives: (message: unknown) => void;
  /** Called just before the caller gets a status that is not the provider's. */
  ended: (end: StatusObject) => void;
}

/** What the caller has handed over so far. */
interface Collected {
  metadata: Metadata;
  listener: Partial<CallListener>;
  message?: { context: CallContext; body: unknown };
}

type State =
  | { kind: 'collecting'; collected?: Collected }
  | { kind: 'opening'; collected: Collected }
  | { kind: 'giving'; collected: Collected; first: Step<unknown> | undefined; drawing: boolean }
  | { kind: 'passed'; call: ProviderCall }
  | { kind: 'ended' };

// A replica in memory and a fast caller would otherwise keep timers and sockets waiting until the stream's end.
const TURN_MESSAGES = 64;
// setTimeout takes no more.
const MAX_TIMER_MS = 2 ** 31 - 1;
const OK: End = { code: status.OK, details: 'OK' };

/**
 * A server-streaming call that the replica is asked first. States: collecting the request → opening the replica's stream →
 * giving its messages, one for each that the caller asks for → ended; or, from opening, passed on to the provider. The
 * caller's deadline and cancellation end it in every state.
 */
export class StreamCall implements ProviderCall {
  readonly #parts: StreamCallParts;
  readonly #limits: CallerLimits;
  #state: State = { kind: 'collecting' };
  /** Messages that the caller has asked for and not got. */
  #wanted = 0;
  #drawn = 0;
  #deadline: NodeJS.Timeout | undefined;

  constructor(parts: StreamCallParts) {
    this.#parts = parts;
    this.#limits = new CallerLimits(parts.route.options);
  }

  start(metadata: Metadata, listener: Partial<CallListener> = {}): void {
    if (this.#state.kind !== 'collecting') return;
    this.#state = { kind: 'collecting', collected: { metadata, listener } };
    this.#limits.onCancelled(() => this.cancelWithStatus(status.CANCELLED, 'Cancelled by parent call'));
    const leftMs = this.#limits.remainingMs();
    if (leftMs !== Infinity)
      this.#deadline = setTimeout(() => this.#end(TOO_LATE), Math.min(Math.max(0, leftMs), MAX_TIMER_MS));
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
    this.#state = { kind: 'opening', collected };
    void this.#open(collected);
  }

  cancelWithStatus(code: StatusObject['code'], details: string): void {
    const state = this.#state;
    if (state.kind === 'passed') state.call.cancelWithStatus(code, details);
    else if (state.kind !== 'ended') queueMicrotask(() => this.#end({ code, details }));
  }

  startRead(): void {
    if (this.#state.kind === 'passed') {
      this.#state.call.startRead();
    } else {
      this.#wanted += 1;
      void this.#give();
    }
  }

  getPeer(): string {
    return this.#state.kind === 'passed' ? this.#state.call.getPeer() : 'replica';
  }

  getAuthContext(): ReturnType<ProviderCall['getAuthContext']> {
    return this.#state.kind === 'passed' ? this.#state.call.getAuthContext() : null;
  }

  async #open(collected: Collected): Promise<void> {
    const opening = await this.#parts.open(collected.message?.body, this.#limits.remainingMs());
    if (this.#state.kind !== 'opening') return;
    if (opening.kind === 'fail') {
      this.#end(opening.status);
    } else if (opening.kind === 'pass') {
      this.#passOn(collected);
    } else {
      this.#state = { kind: 'giving', collected, first: opening, drawing: false };
      collected.listener.onReceiveMetadata?.(new Metadata());
      await this.#give();
    }
  }

  /** Draws no more than the caller asks for. */
  async #give(): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'giving' || state.drawing) return;
    state.drawing = true;
    while (this.#wanted > 0) {
      const step = state.first ?? (await this.#parts.next());
      state.first = undefined;
      this.#drawn += 1;
      if (this.#drawn % TURN_MESSAGES === 0) await setImmediate();
      if (this.#state !== state) return;
      if (step.kind !== 'message') {
        this.#end(step.kind === 'fail' ? step.status : OK);
        return;
      }
      this.#wanted -= 1;
      this.#parts.gives(step.message);
      state.collected.listener.onReceiveMessage?.(step.message);
    }
    state.drawing = false;
  }

  #passOn({ metadata, listener, message }: Collected): void {
    this.#release();
    const call = this.#parts.pass();
    this.#state = { kind: 'passed', call };
    call.start(metadata, listener);
    if (message !== undefined) call.sendMessageWithContext(message.context, message.body);
    call.halfClose();
    for (; this.#wanted > 0; this.#wanted -= 1) call.startRead();
  }

  #end(end: End): void {
    const state = this.#state;
    if (state.kind === 'ended' || state.kind === 'passed') return;
    const listener = state.collected?.listener;
    this.#state = { kind: 'ended' };
    this.#release();
    const full: StatusObject = { metadata: new Metadata(), ...end };
    this.#parts.ended(full);
    listener?.onReceiveStatus?.(full);
  }

  #release(): void {
    clearTimeout(this.#deadline);
    this.#limits.release();
  }
}
