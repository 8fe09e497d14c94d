import { status as Code, type Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { CallEnded } from './status.js';

export { CALLER_HEADER } from '@banyan/edge';

// setTimeout takes no more; no call lives that long.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a call made on behalf of another one inherits from it. */
export interface CallOrigin {
  /** When the answer must be there: ms since 1970. */
  readonly deadlineMs: number;
  /** The call being served; if it is cancelled, so is what is made for it. */
  readonly call?: ServerUnaryCall<unknown, unknown>;
}

/** What a handler knows of the call besides its request. */
export interface CallContext extends CallOrigin {
  readonly call: ServerUnaryCall<unknown, unknown>;
  /** The service that calls, as it says itself; `unknown` if it does not. Good for counting, not for authorising. */
  readonly caller: string;
  /** Aborts when the caller has gone away or the deadline has passed; the reason is a `CallEnded`. */
  readonly signal: AbortSignal;
  /** What the caller sent besides the request. */
  readonly metadata: Metadata;
  /** What is sent back after the answer. */
  readonly trailers: Metadata;
}

/**
 * The origin of a call that must be made even if the caller has given up: after a commit there is no way back.
 *
 * @param timeoutMs how long it may take from now
 */
export function detached(timeoutMs: number): CallOrigin {
  return { deadlineMs: Date.now() + timeoutMs };
}

/** One call's time: from its start until it is closed, the caller gives up or the deadline passes. */
export class CallTime {
  readonly deadlineMs: number;
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;

  /** @param defaultMs how long a call may take that brings no deadline */
  constructor(call: ServerUnaryCall<unknown, unknown>, defaultMs: number) {
    const asked = Number(call.getDeadline());
    this.deadlineMs = Number.isFinite(asked) ? asked : Date.now() + defaultMs;
    this.#timer = setTimeout(
      () => this.#end(true),
      Math.min(Math.max(0, this.deadlineMs - Date.now()), MAX_TIMER_MS),
    );
    // grpc-js reports a deadline that it saw first as a cancellation.
    call.on('cancelled', () => this.#end(Date.now() >= this.deadlineMs));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Rejects when the time is over; never resolves. */
  async over(): Promise<never> {
    this.signal.throwIfAborted();
    return new Promise((_resolve, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason as CallEnded), { once: true });
    });
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** @param late a timer may fire a moment before the clock says so, hence it is not asked again */
  #end(late: boolean): void {
    clearTimeout(this.#timer);
    this.#abort.abort(
      late
        ? new CallEnded(Code.DEADLINE_EXCEEDED, 'the deadline has passed')
        : new CallEnded(Code.CANCELLED, 'the caller gave up'),
    );
  }
}
