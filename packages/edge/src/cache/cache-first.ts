import { status, type Metadata, type StatusObject } from '@grpc/grpc-js';
import { systemClock } from '@banyan/runtime';
import { PassedCall } from '../query/passed-call.js';
import { CallWatch } from '../query/call-watch.js';
import type { CallRoute, ProviderCall } from '../query/provider-call.js';
import type { ReplicaCallParts, ReplicaDecision } from '../query/replica-call.js';
import type { ChangeTally } from '../comparison/evidence.js';
import type { CallerTokens } from '../tokens/edge-tokens.js';
import type { CachedAnswers } from './cached-answers.js';

export interface CacheFirstParts<Request, Response> {
  route: CallRoute;
  tally: ChangeTally;
  answers: CachedAnswers<Request, Response>;
  /** What the caller has seen; undefined: nobody keeps it. */
  caller: CallerTokens<Request, Response> | undefined;
}

/** What happens to one call at the stage `cache`. */
export class CacheFirst<Request, Response> implements ReplicaCallParts {
  readonly route: CallRoute;
  readonly #parts: CacheFirstParts<Request, Response>;
  readonly #startedMs = systemClock.monotonicMs();
  #leave: (() => void) | undefined;
  #hasEnded = false;

  constructor(parts: CacheFirstParts<Request, Response>) {
    this.#parts = parts;
    this.route = parts.route;
  }

  async decide(metadata: Metadata, body: unknown, remainingMs: number): Promise<ReplicaDecision> {
    const decision = await this.#decide(metadata, body, remainingMs);
    if (decision.kind === 'answer')
      this.#parts.caller?.answered(body as Request, decision.message as Response);
    return decision;
  }

  async #decide(metadata: Metadata, body: unknown, remainingMs: number): Promise<ReplicaDecision> {
    const { route, tally, answers } = this.#parts;
    const beganMs = systemClock.monotonicMs();
    const call = { route, metadata, context: {}, body };
    const step = await answers.step(call, (what) => tally.cache(what));
    if (step.kind !== 'wait') return step;
    if (this.#hasEnded) step.leave();
    this.#leave = step.leave;
    const landed = await within(step.landed, remainingMs - (systemClock.monotonicMs() - beganMs));
    this.#leave();
    return landed === undefined ? TOO_LATE : answers.landedFor(landed, step.isOwn);
  }

  pass(): ProviderCall {
    const { route, tally, caller } = this.#parts;
    return new PassedCall(
      route,
      new CallWatch({ route, tally, caller, comparer: undefined, startedMs: this.#startedMs }),
    );
  }

  ended(end: StatusObject): () => void {
    this.#hasEnded = true;
    this.#leave?.();
    const ok = end.code === status.OK;
    this.#parts.tally.call(systemClock.monotonicMs() - this.#startedMs, { ok, byReplica: false });
    return () => undefined;
  }
}

const TOO_LATE: ReplicaDecision = {
  kind: 'fail',
  status: { code: status.DEADLINE_EXCEEDED, details: 'Deadline exceeded while waiting for the provider' },
};

/** Undefined if it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  if (ms === Infinity) return promise;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.min(ms, LONGEST_TIMER_MS));
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
