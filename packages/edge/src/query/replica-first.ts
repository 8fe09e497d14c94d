import { status, type Metadata, type StatusObject } from '@grpc/grpc-js';
import { systemClock } from '@banyan/runtime';
import { CallWatch } from './call-watch.js';
import type { Comparer } from '../comparison/comparer.js';
import type { ChangeTally } from '../comparison/evidence.js';
import { failureStatus } from './failure-status.js';
import { PassedCall } from './passed-call.js';
import type { CallRoute, ProviderCall } from './provider-call.js';
import { TOO_LATE, type ReplicaCallParts, type ReplicaDecision } from './replica-call.js';
import type { EdgeGuard } from '../guard/edge-guard.js';
import type { ReplicaAnswer, ReplicaReader } from './replica-reader.js';
import type { TokenReader } from './token-reader.js';
import type { CallerTokens } from '../tokens/edge-tokens.js';

/** What a caller learns of something that is not there, as the provider would put it. */
export interface NotFoundStatus {
  details: string;
  /** For example with google.rpc error details. */
  metadata?: Metadata;
}

export interface ReplicaFirstParts<Request, Response> {
  edge: string;
  stage: 'prefer-replica' | 'replica';
  route: CallRoute;
  tally: ChangeTally;
  guard: Pick<EdgeGuard, 'read'>;
  reader: ReplicaReader<Request, Response>;
  tokenReader: TokenReader<Request, Response>;
  /** What the caller has seen; undefined: nobody keeps it. */
  caller: CallerTokens<Request, Response> | undefined;
  /** How long the replica may take, in ms. */
  timeoutMs: number;
  /** How long of that it is waited for at `prefer-replica` when it is behind what the caller has seen, in ms. */
  tokenWaitMs: number;
  notFound: (request: Request) => NotFoundStatus;
  /** Compares the answer with the other side's; undefined: this call is not compared. */
  comparer: Comparer<Request, Response> | undefined;
}

function timedOut(answer: ReplicaAnswer<unknown>): boolean {
  return answer.kind === 'failed' && answer.reason === 'timeout';
}

/** What happens to one call at the stages `prefer-replica` and `replica`. */
export class ReplicaFirst<Request, Response> implements ReplicaCallParts {
  readonly route: CallRoute;
  readonly #parts: ReplicaFirstParts<Request, Response>;
  readonly #startedMs = systemClock.monotonicMs();
  #sample: (() => void) | undefined;

  constructor(parts: ReplicaFirstParts<Request, Response>) {
    this.#parts = parts;
    this.route = parts.route;
  }

  async decide(metadata: Metadata, body: unknown, remainingMs: number): Promise<ReplicaDecision> {
    const { tokenReader, caller, timeoutMs, stage, tally, tokenWaitMs, edge, reader } = this.#parts;
    const request = body as Request;
    // Half of what is left, so that the provider has a chance should the replica hang.
    const readMs = Math.min(timeoutMs, stage === 'replica' ? remainingMs : remainingMs / 2);
    // Less than all of it, so that the caller learns of it in time.
    const waitMs = stage === 'replica' ? readMs * 0.9 : tokenWaitMs;
    const askedMs = systemClock.monotonicMs();
    const answer = await tokenReader.read(request, caller?.needed(request), { timeoutMs: readMs, waitMs });
    this.#measured(answer, systemClock.monotonicMs() - askedMs);
    if (answer.kind === 'found') return this.#answer(metadata, request, answer.response);
    tally.fallback(answer.kind === 'failed' ? answer.reason : 'missing');
    if (stage === 'prefer-replica') return { kind: 'pass' };
    // A timer may be early by a fraction of a ms, so the clock cannot tell whose time was over.
    if (timedOut(answer) && remainingMs <= timeoutMs) return { kind: 'fail', status: TOO_LATE };
    return {
      kind: 'fail',
      status:
        answer.kind === 'failed' ? failureStatus(answer, { edge, reader, request }) : this.#absence(request),
    };
  }

  pass(): ProviderCall {
    const { route, tally, comparer, caller } = this.#parts;
    return new PassedCall(
      route,
      new CallWatch({ route, tally, comparer, caller, startedMs: this.#startedMs }),
    );
  }

  ended(end: StatusObject): () => void {
    const ok = end.code === status.OK;
    this.#parts.tally.call(systemClock.monotonicMs() - this.#startedMs, { ok, byReplica: true });
    const sample = this.#sample;
    return () => {
      if (ok) sample?.();
    };
  }

  #measured(answer: ReplicaAnswer<Response>, tookMs: number): void {
    this.#parts.tally.read(tookMs);
    this.#parts.guard.read(tookMs, answer.kind === 'failed' ? answer.reason : undefined);
  }

  #answer(metadata: Metadata, request: Request, response: Response): ReplicaDecision {
    const { comparer, route, tally, caller } = this.#parts;
    caller?.answered(request, response);
    const question = comparer?.keep({ route, metadata, tally }, request);
    if (comparer !== undefined && question !== undefined) {
      const kept = comparer.keepReplicaAnswer(response);
      this.#sample = () => comparer.afterReplica(question, kept);
    }
    return { kind: 'answer', message: response };
  }

  #absence(request: Request): Pick<StatusObject, 'code' | 'details'> & Partial<StatusObject> {
    return { code: status.NOT_FOUND, ...this.#parts.notFound(request) };
  }
}
