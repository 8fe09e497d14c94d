import { status, type Metadata, type StatusObject } from '@grpc/grpc-js';
import { systemClock } from '@banyan/runtime';
import type { ChangeTally } from '../comparison/evidence.js';
import type { CallObserver } from '../query/passed-call.js';
import type { CallerTokens } from '../tokens/edge-tokens.js';

export interface WatchedStream<Request, Message> {
  tally: ChangeTally;
  /** When the caller began, by the monotonic clock. */
  startedMs: number;
  /** What the caller has seen; undefined: nobody keeps it. */
  caller: CallerTokens<Request, Message> | undefined;
}

/** Looks on while the provider answers a streaming call: counts it, and keeps what its caller sees. */
export class StreamWatch<Request, Message> implements CallObserver {
  readonly #call: WatchedStream<Request, Message>;
  #request: Request | undefined;

  constructor(call: WatchedStream<Request, Message>) {
    this.#call = call;
  }

  sent(_metadata: Metadata, request: unknown): void {
    this.#request = request as Request;
  }

  received(message: unknown): void {
    if (this.#request !== undefined) this.#call.caller?.answered(this.#request, message as Message);
  }

  ended(end: StatusObject): () => void {
    const { tally, startedMs } = this.#call;
    tally.call(systemClock.monotonicMs() - startedMs, { ok: end.code === status.OK, byReplica: false });
    return () => undefined;
  }
}
