import type { FallbackReason, FreshnessReport } from '@banyan/control';
import { isBanyanError, systemClock, type Clock } from '@banyan/runtime';
import type { EdgeReplica, ReadContext } from './replica.js';

/** What came of reading a replica. */
export type ReplicaAnswer<Response> =
  | { kind: 'found'; response: Response }
  | { kind: 'not-found' }
  | { kind: 'failed'; reason: Exclude<FallbackReason, 'missing'>; cause?: unknown };

export interface ReaderLimits {
  stalenessMs: number;
  clockSkewMs: number;
  /** Reads under way at most, those included that were given up but have not ended. */
  maxReads: number;
}

/** Reads a replica within limits: of staleness, of time, and of reads at once. It never throws. */
export class ReplicaReader<Request, Response> {
  readonly #replica: EdgeReplica<Request, Response>;
  readonly #limits: ReaderLimits;
  readonly #clock: Clock;
  #reads = 0;

  constructor(replica: EdgeReplica<Request, Response>, limits: ReaderLimits, clock: Clock = systemClock) {
    this.#replica = replica;
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * An answer that is within the staleness budget when it is given. The age is that of the replica *before* the read, so
   * the data are at least as fresh as said.
   */
  async fresh(request: Request, timeoutMs: number): Promise<ReplicaAnswer<Response>> {
    const asOfMs = this.#asOfMs(request);
    if (!this.#within(asOfMs)) return { kind: 'failed', reason: 'stale' };
    const answer = await this.any(request, timeoutMs);
    return answer.kind === 'failed' || this.#within(asOfMs) ? answer : { kind: 'failed', reason: 'stale' };
  }

  /** An answer however old it is. */
  async any(request: Request, timeoutMs: number): Promise<ReplicaAnswer<Response>> {
    if (this.#reads >= this.#limits.maxReads) return { kind: 'failed', reason: 'busy' };
    if (timeoutMs <= 0) return { kind: 'failed', reason: 'timeout' };
    const context = new LazyContext();
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<ReplicaAnswer<Response>>((resolve) => {
      timer = setTimeout(() => {
        context.abort();
        resolve({ kind: 'failed', reason: 'timeout' });
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.#read(request, context), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Of the answer to one request, or without one of the replica. */
  freshness(request?: Request): FreshnessReport {
    const asOfMs = this.#asOfMs(request);
    const { stalenessMs: budgetMs } = this.#limits;
    const stalenessMs = asOfMs === undefined ? null : this.#ageMs(asOfMs);
    return { asOfMs: asOfMs ?? null, stalenessMs, budgetMs, fresh: this.#within(asOfMs) };
  }

  async #read(request: Request, context: ReadContext): Promise<ReplicaAnswer<Response>> {
    this.#reads += 1;
    try {
      const response = await this.#replica.read(request, context);
      return response === undefined ? { kind: 'not-found' } : { kind: 'found', response };
    } catch (cause) {
      const reason = isBanyanError(cause, 'BANYAN_REPLICA_STALE') ? 'stale' : 'error';
      return { kind: 'failed', reason, cause };
    } finally {
      this.#reads -= 1;
    }
  }

  /** A replica that cannot even tell its age counts as never started. */
  #asOfMs(request?: Request): number | undefined {
    try {
      return this.#replica.freshness(request).asOfMs;
    } catch {
      return undefined;
    }
  }

  /** The source's clock may run ahead of this one by the allowance, so the data may be older by as much. */
  #ageMs(asOfMs: number): number {
    return Math.max(0, this.#clock.nowMs() - asOfMs + this.#limits.clockSkewMs);
  }

  #within(asOfMs: number | undefined): boolean {
    return asOfMs !== undefined && this.#ageMs(asOfMs) <= this.#limits.stalenessMs;
  }
}

/** Most replicas never ask for the signal, and making one costs more than a read from memory. */
class LazyContext implements ReadContext {
  #controller: AbortController | undefined;
  #aborted = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}
