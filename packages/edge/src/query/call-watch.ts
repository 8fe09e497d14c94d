import { status, type Metadata, type StatusObject } from '@grpc/grpc-js';
import { systemClock } from '@banyan/runtime';
import type { AnswerJudge, Question } from '../comparison/comparer.js';
import type { ChangeTally } from '../comparison/evidence.js';
import type { CallerTokens } from '../tokens/edge-tokens.js';
import type { CallObserver } from './passed-call.js';
import type { CallRoute } from './provider-call.js';

export interface WatchedCall<Request, Response> {
  route: CallRoute;
  tally: ChangeTally;
  /** When the caller began, by the monotonic clock. */
  startedMs: number;
  /** What the caller has seen; undefined: nobody keeps it. */
  caller: CallerTokens<Request, Response> | undefined;
  /** Compares the answer with the replica's; undefined: this call is not compared. */
  comparer: AnswerJudge<Request, Response> | undefined;
}

/** Looks on while the provider answers a call: counts it, and hands the answer on for comparison after the caller has it. */
export class CallWatch<Request, Response> implements CallObserver {
  readonly #call: WatchedCall<Request, Response>;
  #question: Question<Request> | undefined;
  #request: Request | undefined;

  constructor(call: WatchedCall<Request, Response>) {
    this.#call = call;
  }

  sent(metadata: Metadata, request: unknown): void {
    const { route, tally, comparer, caller } = this.#call;
    if (caller !== undefined) this.#request = request as Request;
    this.#question = guarded(() => comparer?.keep({ route, tally, metadata }, request as Request));
  }

  ended(end: StatusObject, message: unknown): () => void {
    const { comparer, tally, startedMs, caller } = this.#call;
    if (this.#request !== undefined && message !== undefined && end.code === status.OK)
      caller?.answered(this.#request, message as Response);
    const question = this.#question;
    tally.call(systemClock.monotonicMs() - startedMs, { ok: end.code === status.OK, byReplica: false });
    if (question === undefined || comparer === undefined) return nothing;
    const kept = guarded(() => comparer.keepAnswer(end.code, message as Response | undefined));
    return kept === undefined ? nothing : () => comparer.afterProvider(question, kept, end.code);
  }
}

const nothing = (): void => undefined;

/** Whatever cannot be copied is not compared; the call itself must not feel it. */
function guarded<T>(copy: () => T): T | undefined {
  try {
    return copy();
  } catch {
    return undefined;
  }
}
