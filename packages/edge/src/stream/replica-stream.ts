import { status, type StatusObject } from '@grpc/grpc-js';
import { BanyanError, isBanyanError, systemClock, type Logger } from '@banyan/runtime';
import type { ChangeTally } from '../comparison/evidence.js';
import { failureStatus } from '../query/failure-status.js';
import { PassedCall } from '../query/passed-call.js';
import type { CallRoute, ProviderCall } from '../query/provider-call.js';
import { TOO_LATE } from '../query/replica-call.js';
import type { NotFoundStatus } from '../query/replica-first.js';
import type { ReplicaReader } from '../query/replica-reader.js';
import type { TokenReader } from '../query/token-reader.js';
import type { CallerTokens } from '../tokens/edge-tokens.js';
import type { Failure, Opening, StreamCallParts } from './stream-call.js';
import type { Step, StreamReading } from './stream-reading.js';
import { StreamWatch } from './stream-watch.js';

export interface ReplicaStreamParts<Request, Message> {
  edge: string;
  stage: 'prefer-replica' | 'replica';
  route: CallRoute;
  tally: ChangeTally;
  /** This call's own. */
  reading: StreamReading<Request, Message>;
  reader: ReplicaReader<Request, Step<Message>>;
  tokenReader: TokenReader<Request, Step<Message>>;
  /** What the caller has seen; undefined: nobody keeps it. */
  caller: CallerTokens<Request, Message> | undefined;
  /** How long the replica may take for its first message at `prefer-replica`, in ms. */
  readTimeoutMs: number;
  /** How long it may take for any other, and for the first at `replica`, in ms. */
  messageTimeoutMs: number;
  /** How long of `readTimeoutMs` it is waited for when it is behind what the caller has seen, in ms. */
  tokenWaitMs: number;
  notFound: (request: Request) => NotFoundStatus;
  logger: Logger;
}

/** What happens to one streaming call at the stages `prefer-replica` and `replica`. */
export class ReplicaStream<Request, Message> implements StreamCallParts {
  readonly route: CallRoute;
  readonly #parts: ReplicaStreamParts<Request, Message>;
  readonly #startedMs = systemClock.monotonicMs();
  #request: Request | undefined;
  #given = 0;

  constructor(parts: ReplicaStreamParts<Request, Message>) {
    this.#parts = parts;
    this.route = parts.route;
  }

  async open(body: unknown, remainingMs: number): Promise<Opening> {
    const { edge, stage, tally, reading, reader, tokenReader, caller, notFound } = this.#parts;
    const request = body as Request;
    this.#request = request;
    const needed = caller?.needed(request);
    const answer = await tokenReader.read(request, needed, this.#limitsOf(remainingMs));
    if (answer.kind === 'found') return answer.response;
    tally.fallback(answer.kind === 'failed' ? answer.reason : 'missing');
    void reading.close();
    if (stage === 'prefer-replica') return { kind: 'pass' };
    if (answer.kind === 'not-found') return failed({ code: status.NOT_FOUND, ...notFound(request) });
    const isTooLate = answer.reason === 'timeout' && remainingMs <= this.#parts.messageTimeoutMs;
    return failed(isTooLate ? TOO_LATE : failureStatus(answer, { edge, reader, request }));
  }

  async next(): Promise<Step<Message> | Failure> {
    const { reading, messageTimeoutMs } = this.#parts;
    const late = new Late(messageTimeoutMs);
    try {
      return await Promise.race([reading.next(), late.rejected]);
    } catch (cause) {
      return this.#broken(cause);
    } finally {
      late.clear();
    }
  }

  pass(): ProviderCall {
    const { route, tally, caller } = this.#parts;
    return new PassedCall(route, new StreamWatch({ tally, caller, startedMs: this.#startedMs }));
  }

  gives(message: unknown): void {
    this.#given += 1;
    if (this.#request !== undefined) this.#parts.caller?.answered(this.#request, message as Message);
  }

  ended(end: StatusObject): void {
    const ok = end.code === status.OK;
    this.#parts.tally.call(systemClock.monotonicMs() - this.#startedMs, { ok, byReplica: true });
    void this.#parts.reading.close();
  }

  #limitsOf(remainingMs: number): { timeoutMs: number; waitMs: number } {
    const { stage, readTimeoutMs, messageTimeoutMs, tokenWaitMs } = this.#parts;
    if (stage === 'replica') {
      const timeoutMs = Math.min(messageTimeoutMs, remainingMs);
      // Less than all of it, so that the caller learns of it in time.
      return { timeoutMs, waitMs: timeoutMs * 0.9 };
    }
    // Half of what is left, so that the provider has a chance should the replica hang.
    return { timeoutMs: Math.min(readTimeoutMs, remainingMs / 2), waitMs: tokenWaitMs };
  }

  /** The caller has part of the list by now; the provider's would begin anew, so nothing but an end is left. */
  #broken(cause: unknown): Failure {
    const { edge, tally, logger } = this.#parts;
    const reason = cause instanceof LateError ? 'timeout' : 'error';
    tally.fallback(reason);
    const what = `the replica of ${edge} broke off after ${this.#given} messages (${reason})`;
    const error = isBanyanError(cause) ? cause : new BanyanError('BANYAN_REPLICA_FAILED', what, { cause });
    logger.warn(what, { error: cause instanceof Error ? cause.message : String(cause) });
    return failed({ code: status.UNAVAILABLE, details: error.message });
  }
}

const failed = (end: Failure['status']): Failure => ({ kind: 'fail', status: end });

class LateError extends Error {}

/** Rejects after a while unless it is cleared. */
class Late {
  readonly rejected: Promise<never>;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.rejected = new Promise((_resolve, reject) => {
      this.#timer = setTimeout(() => reject(new LateError(`no message for ${timeoutMs} ms`)), timeoutMs);
    });
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
