import type { MethodDefinition } from '@grpc/grpc-js';
import {
  ladderOf,
  QUERY_LADDER,
  type Ladder,
  type ParityTarget,
  type QueryStage,
  type StageSource,
} from '@banyan/control';
import {
  flag,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRule,
  type OptionRules,
} from '@banyan/runtime';
import {
  resolveCompareOptions,
  type CompareOptions,
  type ResolvedCompare,
} from '../comparison/compare-options.js';
import {
  resolveCacheOptions,
  type EdgeCacheOptions,
  type ResolvedCacheOptions,
} from '../cache/cache-options.js';
import { resolveGuardOptions, type GuardOptions, type ResolvedGuard } from '../guard/guard-options.js';
import { probeRules } from '../probes/probe-options.js';
import type { ProbeSource } from '../probes/probe-requests.js';
import type { ProbeClient } from '../probes/probe-route.js';
import type { NotFoundStatus } from './replica-first.js';
import type { EdgeReplica } from './replica.js';
import type { TokenOptions } from '../tokens/token-options.js';

export interface QueryEdgeOptions<Request, Response> {
  /** For example `tasks -> projects.GetProject`. */
  edge: string;
  /** The method, from the service definition that ts-proto generates: `ProjectsServiceService.getProject`. Unary only. */
  method: MethodDefinition<Request, Response>;
  replica: EdgeReplica<Request, Response>;
  /** What makes an answer of the replica right: its version at least, and rules by field. */
  compare: CompareOptions<Response>;
  budget: BudgetOptions;
  /** What the stage `cache` needs; without it the edge has no such stage. */
  cache?: EdgeCacheOptions<Request>;
  /** The process's stage watch, or another flag provider's stages (`fromOpenFeature`, see docs/flags.md). */
  stages: StageSource;
  /** The stages that this process may run; default all that it has what they need for. The lowest is the floor, the highest the ceiling. */
  supports?: readonly QueryStage[];
  /**
   * That asking once more, or asking the replica instead, harms nobody. Default: what the method's `idempotency_level`
   * says. Without it the edge is refused.
   */
  sideEffectFree?: boolean;
  /**
   * By which key a share of the requests is moved to the next stage (`banyan advance --share`); without it they all move at
   * 100 %. Costs a hash a call, and only while a share is in force.
   */
  ramp?: RampOptions<Request>;
  /**
   * Tells requests apart for the evidence, e.g. by the fields they ask for or the size of their customer: the gate asks for
   * parity in each stratum that was compared. Names must be few and hold no data; 16 are counted besides the declared ones,
   * the rest as `other`. Undefined, as by default: counted in none.
   */
  stratumOf?: (request: Request) => string | undefined;
  /** Strata that must have been compared before the edge advances, though they be rare; default none. */
  strata?: readonly string[];
  /**
   * Requests to ask when callers ask too seldom: one every `probeEveryMs`, off the callers' path, at `shadow` and
   * `prefer-replica` only, for as long as what this process has compared (in a request's stratum, if it has one) does not
   * suffice for `probeTarget`. They are counted apart (`byProbe`) and named by the gate. Drawn from the beginning again at the
   * end. The method must be declared NO_SIDE_EFFECTS. Default: none. Each costs the provider a call.
   */
  probes?: ProbeSource<Request>;
  /** How long between two probes, in ms; default 1000. */
  probeEveryMs?: number;
  /** What the gate will be asked for; default `{ maxDisagreement: 0.01, confidence: 0.95 }`, as the gate's own. */
  probeTarget?: ParityTarget;
  /**
   * The client that has the edge's interceptor. Probes go the way that the last call went; with a client the first need not wait
   * for one. Without metadata of a caller's: credentials are to come from the client. Default: none.
   */
  probeClient?: () => ProbeClient | undefined;
  /** What a caller learns at the stage `replica` of something that is not there; put it as the provider does. */
  notFound?: (request: Request) => NotFoundStatus;
  /** How far the source's clock may be ahead of this process's, in ms; default 100. Counts against the staleness budget. */
  clockSkewMs?: number;
  /** At `prefer-replica`: how long, in ms, until the provider is asked instead; default 250, half the deadline at most. */
  readTimeoutMs?: number;
  /** What takes the edge back by itself when the replica does harm. */
  guard?: GuardOptions;
  /** What callers have seen, and how replicas keep up with it. */
  tokens?: TokenOptions<Response>;
  /** At `replica`: how long a caller without a deadline of its own waits, in ms; default 5000. */
  replicaTimeoutMs?: number;
  /** Reads of the replica under way at most, hanging ones included; default 1000. Beyond it the replica counts as busy. */
  maxReads?: number;
  /** Share of the calls that is compared at `shadow`, 0 to 1; default 1. */
  shadowShare?: number;
  /** Share of the calls that is compared at `prefer-replica`, 0 to 1; default 0.1. Each costs the provider a call. */
  sampleShare?: number;
  /** Comparisons that may wait; default 1000. More are shed, and counted. Costs the memory of a request and an answer each. */
  queueLimit?: number;
  /** How many bytes of requests and answers the waiting ones may hold; default 32 MiB. More are shed, and counted. */
  queueBytes?: number;
  /** When the event loop takes longer for a turn, in ms, comparisons are shed and none is made for a while; default 200. */
  loopLagMs?: number;
  /** Comparisons under way at once, those that wait for a late replica included; default 32. */
  comparisonsAtOnce?: number;
  /** How long one read or own call of a comparison may take, in ms; default 2000. */
  compareTimeoutMs?: number;
  /** After how many ms a replica that has not reached the answer's version is wrong, not late; default 5000. */
  lateDeadlineMs?: number;
  logger?: Logger;
}

export interface RampOptions<Request> {
  /** What the key identifies, e.g. `project`. Edges that name the same group move the same keys at the same share. */
  by: string;
  /** The key of a request; undefined: it has none (a list), and moves at 100 %. */
  keyOf: (request: Request) => string | undefined;
}

export interface BudgetOptions {
  /** How old an answer of the replica may be at most, in ms. Must leave room for the clock allowance and a heartbeat. */
  stalenessMs: number;
}

type CheckedOptions<Request, Response> = Omit<QueryEdgeOptions<Request, Response>, 'cache' | 'guard'>;

export type ResolvedOptions<Request, Response> = Omit<
  Required<CheckedOptions<Request, Response>>,
  'compare'
> & {
  ladder: Ladder<QueryStage>;
  compare: ResolvedCompare<Response>;
  guard: ResolvedGuard;
  /** Undefined: the edge has no cache. */
  cache: ResolvedCacheOptions<Request> | undefined;
};

/** Checks the options once; see `QueryEdgeOptions`. The tokens' are checked where the edge's name is known. */
export function resolveQueryEdgeOptions<Request, Response>(
  given: QueryEdgeOptions<Request, Response>,
): ResolvedOptions<Request, Response> {
  const { cache: givenCache, guard: givenGuard = {}, ...others } = given;
  const cache = givenCache === undefined ? undefined : resolveCacheOptions(givenCache);
  const stages = cache === undefined ? QUERY_LADDER.filter((stage) => stage !== 'cache') : QUERY_LADDER;
  const options = resolveOptions('query edge', rules<Request, Response>(stages), others);
  const compare = resolveCompareOptions(options.compare);
  const guard = resolveGuardOptions(givenGuard);
  return { ...options, compare, guard, cache, ladder: ladderOf(options.supports) };
}

/** No group: no request has a key. */
const NO_RAMP: RampOptions<unknown> = { by: '', keyOf: () => undefined };

/** @param stages those that the edge has what they need for */
function rules<Request, Response>(
  stages: readonly QueryStage[],
): OptionRules<CheckedOptions<Request, Response>> {
  return {
    edge: text(),
    method: object('a unary method of a generated service definition', isUnary),
    replica: object('a replica with read and freshness', (value) => hasFunctions(value, 'read', 'freshness')),
    compare: object('{ version, … }', (value) => hasFunctions(value, 'version')),
    budget: object(
      '{ stalenessMs } above 0',
      (value) => 'stalenessMs' in value && Number(value.stalenessMs) > 0,
    ),
    stages: object('a stage watch', (value) => hasFunctions(value, 'edge')),
    supports: {
      ...object<readonly QueryStage[]>(`a list of stages of ${stages.join(', ')}`, (value) =>
        isSupported(value, stages),
      ),
      fallback: stages,
    },
    sideEffectFree: flag(false),
    ramp: {
      ...object<RampOptions<Request>>(
        '{ by, keyOf }',
        (value) => hasFunctions(value, 'keyOf') && 'by' in value,
      ),
      fallback: NO_RAMP,
    },
    stratumOf: {
      must: 'a function',
      check: (value): value is (request: Request) => string | undefined => typeof value === 'function',
      fallback: () => undefined,
    },
    ...probeRules<Request>(),
    strata: {
      must: 'a list of at most 32 names',
      check: (value): value is readonly string[] =>
        Array.isArray(value) && value.length <= 32 && value.every((each) => typeof each === 'string'),
      fallback: [],
    },
    notFound: {
      must: 'a function',
      check: (value): value is (request: Request) => NotFoundStatus => typeof value === 'function',
      fallback: () => ({ details: 'there is no such thing' }),
    },
    tokens: { ...object<TokenOptions<Response>>('options of tokens', () => true), fallback: {} },
    clockSkewMs: wholeNumber(0, 60_000, 100),
    readTimeoutMs: wholeNumber(1, 600_000, 250),
    replicaTimeoutMs: wholeNumber(1, 600_000, 5_000),
    maxReads: wholeNumber(1, 100_000, 1_000),
    shadowShare: share(1),
    sampleShare: share(0.1),
    queueLimit: wholeNumber(1, 1_000_000, 1_000),
    queueBytes: wholeNumber(1_024, 17_179_869_184, 32 * 1_048_576),
    loopLagMs: wholeNumber(1, 600_000, 200),
    comparisonsAtOnce: wholeNumber(1, 10_000, 32),
    compareTimeoutMs: wholeNumber(1, 600_000, 2_000),
    lateDeadlineMs: wholeNumber(1, 600_000, 5_000),
    logger: { ...object<Logger>('a logger', (value) => hasFunctions(value, 'warn')), fallback: silentLogger },
  };
}

export function object<T extends object>(must: string, fits: (value: object) => boolean): OptionRule<T> {
  return { must, check: (value): value is T => typeof value === 'object' && value !== null && fits(value) };
}

export function hasFunctions(value: object, ...names: string[]): boolean {
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

function isUnary(value: object): boolean {
  const { path, requestStream, responseStream } = value as Record<string, unknown>;
  return typeof path === 'string' && requestStream === false && responseStream === false;
}

export function isSupported(value: object, stages: readonly QueryStage[]): boolean {
  const known: readonly unknown[] = stages;
  return Array.isArray(value) && value.length > 0 && value.every((stage) => known.includes(stage));
}

function share(fallback: number): OptionRule<number> {
  return {
    fallback,
    must: 'a number from 0 to 1',
    check: (value): value is number => typeof value === 'number' && value >= 0 && value <= 1,
  };
}
