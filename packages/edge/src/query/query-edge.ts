import { InterceptingCall, type Interceptor, type InterceptorOptions, type NextCall } from '@grpc/grpc-js';
import {
  stageFor,
  stageReportOf,
  type EdgeReporting,
  type EdgeTask,
  type EdgeTaskResult,
  type QueryEdgeReport,
  type QueryStage,
  type RunningStage,
  type SourcedStage,
} from '@banyan/control';
import { systemClock } from '@banyan/runtime';
import { Bypasses } from './bypasses.js';
import { CacheFirst } from '../cache/cache-first.js';
import { CachedAnswers } from '../cache/cached-answers.js';
import { CallWatch } from './call-watch.js';
import { EdgeComparison } from '../comparison/edge-comparison.js';
import { Evidence, type ChangeTally } from '../comparison/evidence.js';
import { markOnEdge } from '../ledger/on-edge.js';
import { PassedCall } from './passed-call.js';
import type { CallRoute, ProviderCall } from './provider-call.js';
import { RampedCall } from './ramped-call.js';
import {
  resolveQueryEdgeOptions,
  type QueryEdgeOptions,
  type ResolvedOptions,
} from './query-edge-options.js';
import { ReplicaCall } from './replica-call.js';
import { ReplicaFirst } from './replica-first.js';
import { ReplicaReader } from './replica-reader.js';
import { refuseSideEffects } from './side-effects.js';
import { TokenReader } from './token-reader.js';
import { EdgeProbes } from '../probes/edge-probes.js';
import { EdgeGuard } from '../guard/edge-guard.js';
import { CutOff, isCutTask } from '../rehearsal/cut-off.js';
import { EdgeTokens } from '../tokens/edge-tokens.js';
import { resolveTokenOptions, type ResolvedTokenOptions } from '../tokens/token-options.js';

/**
 * Moves the calls of one method from its provider to a replica, as the edge's stage says. A client that is built with the
 * edge's interceptor keeps its type and its call sites; its other methods pass untouched.
 *
 * @throws BANYAN_OPTION_INVALID if the method may have side effects
 */
export function queryEdge<Request, Response>(
  options: QueryEdgeOptions<Request, Response>,
): QueryEdge<Request, Response> {
  return new QueryEdge(options);
}

/** One query edge of this process; see `queryEdge`. */
export class QueryEdge<Request, Response> implements EdgeReporting {
  /**
   * For the client's constructor: `new ProjectsServiceClient(address, credentials, { interceptors: [edge.interceptor] })`.
   * Trap: interceptors given to a single call replace those of the client; `guardClient` keeps such calls on the edge.
   */
  readonly interceptor: Interceptor;
  readonly stage: SourcedStage<'query'>;
  /** For `guardClient`. */
  readonly bypasses: Bypasses;
  readonly #options: ResolvedOptions<Request, Response>;
  readonly #reader: ReplicaReader<Request, Response>;
  readonly #tokens: ResolvedTokenOptions<Response>;
  readonly #seen: EdgeTokens<Request, Response>;
  readonly #tokenReader: TokenReader<Request, Response>;
  readonly #comparison: EdgeComparison<Request, Response>;
  readonly #evidence: Evidence;
  readonly #guard: EdgeGuard;
  readonly #answers: CachedAnswers<Request, Response> | undefined;
  readonly #cutOff: CutOff;
  readonly #probes: EdgeProbes<Request, Response> | undefined;

  constructor(given: QueryEdgeOptions<Request, Response>) {
    const options = resolveQueryEdgeOptions(given);
    refuseSideEffects({ ...options, descriptors: options.compare.descriptors });
    this.#options = options;
    this.stage = options.stages.edge({ edge: options.edge, stages: options.ladder, ...rampByOf(options) });
    this.bypasses = new Bypasses(options.edge, options.method.path, options.logger);
    this.#reader = new ReplicaReader(options.replica, { ...options.budget, ...options });
    this.#tokens = resolveTokenOptions(options.tokens, this.stage.name.provider);
    this.#seen = edgeTokensOf(options, this.#tokens);
    this.#tokenReader = tokenReaderOf(options, this.#tokens, this.#reader);
    const { stages, guard, logger } = options;
    this.#guard = new EdgeGuard({ stage: this.stage, connection: stages.connection, options: guard, logger });
    this.#evidence = new Evidence(options.strata);
    this.#comparison = new EdgeComparison(options, this.#reader, this.#guard);
    this.#answers = answersOf(options, this.#seen);
    this.#cutOff = new CutOff(options.edge);
    const [stage, evidence, comparison] = [this.stage, this.#evidence, this.#comparison];
    this.#probes = EdgeProbes.of(options, { stage, evidence, comparison });
    this.interceptor = (callOptions, nextCall) => this.#open(callOptions, nextCall);
  }

  report(detail: boolean): QueryEdgeReport {
    const { replica, strata } = this.#options;
    const subscriber = orUndefined(() => replica.subscriber?.());
    return {
      ...stageReportOf(this.stage),
      ...rampByOf(this.#options),
      bypasses: this.bypasses.report(),
      freshness: this.#reader.freshness(),
      ...(subscriber === undefined ? {} : { subscriber }),
      ...(strata.length === 0 ? {} : { strata }),
      ...(this.#answers === undefined ? {} : { cache: this.#answers.report() }),
      evidence: detail ? this.#evidence.report() : [],
    };
  }

  /** See `EdgeReplica.refresh`. */
  async refresh(): Promise<void> {
    await this.#options.replica.refresh?.().catch(() => undefined);
  }

  /** What an operator asks: a replay of a counterexample, a calibration, or a rehearsal of the provider's absence. */
  perform(task: EdgeTask): Promise<EdgeTaskResult> {
    return isCutTask(task) ? this.#cutOff.perform(task) : this.#comparison.perform(task);
  }

  /** Resolves once no comparison is waiting or under way. */
  settled(): Promise<void> {
    return this.#comparison.settled();
  }

  /** Ends comparisons. Calls go on as before, uncompared. */
  async stop(): Promise<void> {
    this.#cutOff.stop();
    this.#guard.stop();
    await this.#probes?.stop();
    return this.#comparison.stop();
  }

  /** The stage is read here, once a call; a change meanwhile is the next call's. */
  #open(options: InterceptorOptions, nextCall: NextCall): InterceptingCall {
    if (options.method_definition.path !== this.#options.method.path)
      return new InterceptingCall(nextCall(options));
    this.bypasses.ran();
    markOnEdge(options);
    const route = { options, nextCall };
    if (this.#probes?.note(route) === true) return new InterceptingCall(nextCall(options));
    return this.#cutOff.isCut ? this.#cutOff.open(route, (cut) => this.#decide(cut)) : this.#decide(route);
  }

  #decide(route: CallRoute): InterceptingCall {
    const { running, runningFor } = this.stage;
    if (runningFor !== undefined) return new InterceptingCall(this.#askedFor(route, runningFor));
    if (running.ramp !== undefined) return new InterceptingCall(this.#ramp(route, running));
    return this.#route(route, running, running.stage);
  }

  /** While a share is in force it takes the request to know the stage, so only then is it waited for. */
  #ramp(route: CallRoute, running: RunningStage<QueryStage>): ProviderCall {
    const { by } = this.#options.ramp;
    return new RampedCall(route, {
      decide: (request) => stageFor(running, { by, key: this.#keyOf(request) }),
      open: (stage) => this.#route(route, running, stage),
    });
  }

  /** Another flag provider may give each key a stage of its own, and answers with a promise. */
  #askedFor(route: CallRoute, runningFor: AskForStage): ProviderCall {
    return new RampedCall(route, {
      decide: (request) => runningFor(this.#keyOf(request)),
      open: (running) => this.#route(route, running, running.stage),
    });
  }

  /** A request whose key cannot be told has none: it moves last. */
  #keyOf(request: unknown): string | undefined {
    return orUndefined(() => this.#options.ramp.keyOf(request as Request));
  }

  #route(route: CallRoute, running: RunningStage<QueryStage>, stage: QueryStage): InterceptingCall {
    const tally = this.#evidence.of(running, stage);
    switch (stage) {
      case 'call':
        return this.#pass(route, tally, 0);
      case 'cache':
        return this.#askCache(route, tally);
      case 'shadow':
        return this.#pass(route, tally, this.#options.shadowShare);
      case 'prefer-replica':
        return this.#askReplica(route, tally, stage);
      case 'replica':
      case 'retired':
        return this.#askReplica(route, tally, 'replica');
    }
  }

  #pass(route: CallRoute, tally: ChangeTally, share: number): InterceptingCall {
    const startedMs = systemClock.monotonicMs();
    return new PassedCall(
      route,
      new CallWatch({
        route,
        tally,
        startedMs,
        caller: this.#seen.ofCaller(),
        comparer: this.#cutOff.isCut ? undefined : this.#comparison.judgeFor(share),
      }),
    );
  }

  #askReplica(route: CallRoute, tally: ChangeTally, stage: 'prefer-replica' | 'replica'): InterceptingCall {
    const { edge, notFound, readTimeoutMs, replicaTimeoutMs, sampleShare } = this.#options;
    const timeoutMs = stage === 'replica' ? replicaTimeoutMs : readTimeoutMs;
    const isCompared = stage !== 'replica' && !this.#cutOff.isCut;
    const comparer = this.#comparison.comparerFor(isCompared ? sampleShare : 0);
    const parts = new ReplicaFirst({
      edge,
      stage,
      route,
      tally,
      guard: this.#guard,
      reader: this.#reader,
      tokenReader: this.#tokenReader,
      caller: this.#seen.ofCaller(),
      timeoutMs,
      tokenWaitMs: this.#tokens.waitMs,
      notFound,
      comparer,
    });
    return new InterceptingCall(new ReplicaCall(parts));
  }

  #askCache(route: CallRoute, tally: ChangeTally): InterceptingCall {
    if (this.#answers === undefined) return this.#pass(route, tally, 0);
    const parts = { route, tally, answers: this.#answers, caller: this.#seen.ofCaller() };
    return new InterceptingCall(new ReplicaCall(new CacheFirst(parts)));
  }
}

type AskForStage = NonNullable<SourcedStage<'query'>['runningFor']>;

function rampByOf({ ramp }: { ramp: { by: string } }): { rampBy?: string } {
  return ramp.by === '' ? {} : { rampBy: ramp.by };
}

/** What cannot be told is not known. */
function orUndefined<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}

function edgeTokensOf<Request, Response>(
  { replica, cache, compare }: ResolvedOptions<Request, Response>,
  { source, settleMs, shows }: ResolvedTokenOptions<Response>,
): EdgeTokens<Request, Response> {
  const cacheKeyOf = (request: Request): string | undefined => {
    const id = cache?.keyOf(request);
    return id === undefined ? undefined : `${cache?.aggregate.split('/')[1]}/${id}`;
  };
  const given = replica.keyOf?.bind(replica) ?? cacheKeyOf;
  const keyOf = (request: Request): string | undefined => orUndefined(() => given(request));
  const own = (request: Request, response: Response) => [
    { key: keyOf(request) ?? '', version: compare.version(response) ?? 0 },
  ];
  return new EdgeTokens({
    source,
    settleMs,
    keyOf,
    shownBy: (request, response) => orUndefined(() => shows?.(response) ?? own(request, response)) ?? [],
    epoch: () => orUndefined(() => replica.freshness().epoch),
  });
}

function tokenReaderOf<Request, Response>(
  { edge, replica, compare }: ResolvedOptions<Request, Response>,
  { settleMs }: ResolvedTokenOptions<Response>,
  reader: ReplicaReader<Request, Response>,
): TokenReader<Request, Response> {
  const versionOf = (response: Response): number | undefined => orUndefined(() => compare.version(response));
  return new TokenReader({ edge, replica, reader, versionOf, settleMs });
}

function answersOf<Request, Response>(
  options: ResolvedOptions<Request, Response>,
  seen: EdgeTokens<Request, Response>,
): CachedAnswers<Request, Response> | undefined {
  const { method, cache, compare, budget, clockSkewMs, logger } = options;
  if (cache === undefined) return undefined;
  const budgetMs = budget.stalenessMs - clockSkewMs;
  const parts = { method, options: cache, versionOf: compare.version, budgetMs, logger };
  return new CachedAnswers({
    ...parts,
    boundsOf: (request, notBeforeMs) => seen.ofCaller()?.bounds(request, notBeforeMs) ?? { notBeforeMs },
  });
}
