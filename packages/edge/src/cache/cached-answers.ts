import { status, type MethodDefinition } from '@grpc/grpc-js';
import type { CacheCounts, CacheReport } from '@banyan/control';
import { systemClock, type Logger } from '@banyan/runtime';
import type { ReplicaDecision } from '../query/replica-call.js';
import { CacheGuard } from './cache-guard.js';
import { CacheKeys } from './cache-keys.js';
import type { ResolvedCacheOptions } from './cache-options.js';
import type { CacheBounds, CachedEntry, CacheQuestion, Lease } from './edge-cache.js';
import { Flight, type FlightRequest, type Landed } from './flight.js';
import { KeptAnswer, type GivenAnswer } from './kept-answer.js';

export interface CachedAnswersParts<Request, Response> {
  method: MethodDefinition<Request, Response>;
  options: ResolvedCacheOptions<Request>;
  versionOf: (response: Response) => number | undefined;
  /** How old an answer may be, in ms, the allowance for clocks taken off. */
  budgetMs: number;
  /** What is new enough for whoever calls now, given what its budget says. */
  boundsOf: (request: Request, notBeforeMs: number) => CacheBounds;
  logger: Logger;
}

/** Tells of one event that is counted. */
export type CacheTally = (what: keyof CacheCounts) => void;

/** What a call is to do. */
export type CacheStep<Response> =
  | GivenAnswer<Response>
  /** The cache is no help. */
  | { kind: 'pass' }
  /** Wait for a flight. `leave` it when the caller has gone. */
  | { kind: 'wait'; landed: Promise<Landed>; isOwn: boolean; leave: () => void };

/** The answers of one method in a cache: looks them up, fetches them once for all who ask, keeps them. */
export class CachedAnswers<Request, Response> {
  readonly #parts: CachedAnswersParts<Request, Response>;
  readonly #keys: CacheKeys<Request, Response>;
  readonly #guard: CacheGuard;
  readonly #kept: KeptAnswer<Request, Response>;
  readonly #flights = new Map<string, Flight>();

  constructor(parts: CachedAnswersParts<Request, Response>) {
    const { method, options, logger } = parts;
    this.#parts = parts;
    this.#keys = new CacheKeys(parts);
    this.#guard = new CacheGuard({ timeoutMs: options.timeoutMs, logger });
    this.#kept = new KeptAnswer(method, parts.versionOf);
  }

  report(): CacheReport {
    const { store } = this.#parts.options;
    return { ...store.status, asOfMs: store.asOfMs(this.#keys.source) ?? null };
  }

  /** The first step of a call. Never throws. */
  async step(call: FlightRequest, count: CacheTally): Promise<CacheStep<Response>> {
    if (!this.#keys.isSharable(call.metadata, call.route.options)) {
      count('bypassed');
      return PASS;
    }
    const asked = await this.#guard.ask(() => {
      const question = this.#questionOf(call);
      const found = this.#parts.options.store.lookup(question);
      return found instanceof Promise
        ? found.then((lookup) => ({ question, lookup }))
        : { question, lookup: found };
    });
    if (!asked.ok) {
      count('errors');
      return PASS;
    }
    const { question, lookup } = asked.value;
    return lookup.kind === 'miss'
      ? this.#join(call, { question, lease: lookup.lease, count })
      : this.#given(lookup.entry, count);
  }

  /** What one who waited gets. The first one gets the very answer, the others copies. */
  landedFor({ end, message, head, entry }: Landed, isOwn: boolean): ReplicaDecision {
    if (end.code !== status.OK || message === undefined)
      return { kind: 'fail', status: { ...end, metadata: end.metadata.clone() } };
    const given = isOwn || entry === undefined ? message : this.#kept.message(entry.bytes);
    return { kind: 'answer', message: given, head: head.clone(), trailers: end.metadata.clone() };
  }

  #questionOf({ metadata, body }: FlightRequest): CacheQuestion {
    const { budgetMs, boundsOf } = this.#parts;
    const request = body as Request;
    const notBeforeMs = systemClock.nowMs() - budgetMs;
    return { ...this.#keys.of(metadata, request), ...boundsOf(request, notBeforeMs) };
  }

  #given(entry: CachedEntry, count: CacheTally): CacheStep<Response> {
    try {
      const given = this.#kept.give(entry);
      count('hits');
      return given;
    } catch {
      count('errors');
      return PASS;
    }
  }

  #join(call: FlightRequest, miss: Miss): CacheStep<Response> {
    const { key, notBeforeMs, atLeast } = miss.question;
    const name = `${key} ${miss.lease.stamp}`;
    const there = this.#flights.get(name);
    // One that began before what the caller has seen was written may miss it.
    const isOwn = there?.isJoinable !== true || there.startedMs < notBeforeMs || atLeast !== undefined;
    const flight = isOwn ? this.#begin(call, name, miss) : there;
    miss.count(isOwn ? 'misses' : 'shared');
    return { kind: 'wait', landed: flight.landed, isOwn, leave: flight.join() };
  }

  #begin(call: FlightRequest, name: string, miss: Miss): Flight {
    const startedMs = systemClock.nowMs();
    const flight = new Flight(call, startedMs, (end, message) => this.#kept.of(end, message, startedMs));
    this.#flights.set(name, flight);
    void flight.landed.then((landed) => {
      if (this.#flights.get(name) === flight) this.#flights.delete(name);
      return this.#fill(landed, miss);
    });
    return flight;
  }

  async #fill({ entry }: Landed, { lease, count }: Miss): Promise<void> {
    const { maxEntryBytes, ttlMs, notFoundTtlMs } = this.#parts.options;
    const asked = await this.#guard.ask(() => {
      if (entry === undefined || entry.bytes.length > maxEntryBytes) {
        lease.release();
        return entry === undefined ? 'none' : 'tooLarge';
      }
      const filled = lease.fill(entry, entry.kind === 'found' ? ttlMs : notFoundTtlMs);
      return filled instanceof Promise ? filled.then(outcomeOf) : outcomeOf(filled);
    });
    const outcome = asked.ok ? asked.value : 'errors';
    if (outcome !== 'none' && outcome !== 'filled') count(outcome);
  }
}

interface Miss {
  question: CacheQuestion;
  lease: Lease;
  count: CacheTally;
}

const PASS = { kind: 'pass' } as const;

const outcomeOf = (filled: boolean): 'filled' | 'refused' => (filled ? 'filled' : 'refused');
