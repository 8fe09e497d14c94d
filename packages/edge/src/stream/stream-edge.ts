import { InterceptingCall, type Interceptor, type InterceptorOptions, type NextCall } from '@grpc/grpc-js';
import {
  stageFor,
  stageReportOf,
  type EdgeReporting,
  type EdgeStage,
  type QueryEdgeReport,
} from '@banyan/control';
import { systemClock } from '@banyan/runtime';
import { Evidence, type ChangeTally } from '../comparison/evidence.js';
import { markOnEdge } from '../ledger/on-edge.js';
import { Bypasses } from '../query/bypasses.js';
import { PassedCall } from '../query/passed-call.js';
import type { CallRoute } from '../query/provider-call.js';
import { ReplicaReader } from '../query/replica-reader.js';
import { refuseSideEffects } from '../query/side-effects.js';
import { TokenReader } from '../query/token-reader.js';
import { EdgeTokens } from '../tokens/edge-tokens.js';
import { resolveTokenOptions, type ResolvedTokenOptions } from '../tokens/token-options.js';
import { OpenReads } from './open-reads.js';
import { ReplicaStream } from './replica-stream.js';
import { StreamCall } from './stream-call.js';
import {
  resolveStreamEdgeOptions,
  type ResolvedStreamOptions,
  type StreamEdgeOptions,
} from './stream-edge-options.js';
import { StreamReading, type Step } from './stream-reading.js';
import { StreamWatch } from './stream-watch.js';

/**
 * Moves the calls of one server-streaming method from its provider to a replica, as the edge's stage says; `queryEdge` for
 * streams, without the stages `cache` and `shadow`.
 *
 * @throws BANYAN_OPTION_INVALID if the method may have side effects
 */
export function streamEdge<Request, Message>(
  options: StreamEdgeOptions<Request, Message>,
): StreamEdge<Request, Message> {
  return new StreamEdge(options);
}

/** One edge of a streaming method of this process; see `streamEdge`. */
export class StreamEdge<Request, Message> implements EdgeReporting {
  /** For the client's constructor, as that of a `QueryEdge`; `guardClient` keeps calls on the edge. */
  readonly interceptor: Interceptor;
  readonly stage: EdgeStage<'query'>;
  /** For `guardClient`. */
  readonly bypasses: Bypasses;
  readonly #options: ResolvedStreamOptions<Request, Message>;
  readonly #tokens: ResolvedTokenOptions<Message>;
  readonly #seen: EdgeTokens<Request, Message>;
  readonly #reads: OpenReads;
  readonly #evidence = new Evidence();

  constructor(given: StreamEdgeOptions<Request, Message>) {
    const options = resolveStreamEdgeOptions(given);
    refuseSideEffects(options);
    this.#options = options;
    this.stage = options.stages.edge({ edge: options.edge, stages: options.ladder });
    this.bypasses = new Bypasses(options.edge, options.method.path, options.logger);
    this.#tokens = resolveTokenOptions(options.tokens, this.stage.name.provider);
    this.#seen = edgeTokensOf(options, this.#tokens);
    this.#reads = new OpenReads(options.maxReads);
    this.interceptor = (callOptions, nextCall) => this.#open(callOptions, nextCall);
  }

  /** How many streams of the replica are open, those included that hang while they close. */
  get openReads(): number {
    return this.#reads.count;
  }

  report(detail: boolean): QueryEdgeReport {
    return {
      ...stageReportOf(this.stage),
      bypasses: this.bypasses.report(),
      freshness: this.#readerOf(this.#newReading()).freshness(),
      evidence: detail ? this.#evidence.report() : [],
    };
  }

  /** The stage is read here, once a call; a stream that runs stays where it began. */
  #open(options: InterceptorOptions, nextCall: NextCall): InterceptingCall {
    if (options.method_definition.path !== this.#options.method.path)
      return new InterceptingCall(nextCall(options));
    this.bypasses.ran();
    markOnEdge(options);
    const { running } = this.stage;
    // A list has no key, so it moves when a ramp is complete.
    const stage = running.ramp === undefined ? running.stage : stageFor(running, { by: '', key: undefined });
    const route = { options, nextCall };
    const tally = this.#evidence.of(running, stage);
    if (stage === 'prefer-replica') return this.#askReplica(route, tally, stage);
    if (stage === 'replica' || stage === 'retired') return this.#askReplica(route, tally, 'replica');
    return this.#pass(route, tally);
  }

  #pass(route: CallRoute, tally: ChangeTally): InterceptingCall {
    const startedMs = systemClock.monotonicMs();
    return new PassedCall(route, new StreamWatch({ tally, startedMs, caller: this.#seen.ofCaller() }));
  }

  #askReplica(route: CallRoute, tally: ChangeTally, stage: 'prefer-replica' | 'replica'): InterceptingCall {
    const { edge, notFound, readTimeoutMs, messageTimeoutMs, logger } = this.#options;
    const { settleMs, waitMs: tokenWaitMs } = this.#tokens;
    const reading = this.#newReading();
    const reader = this.#readerOf(reading);
    const versionOf = (): undefined => undefined;
    const parts = new ReplicaStream({
      ...{ edge, stage, route, tally, reading, reader, notFound, logger },
      ...{ readTimeoutMs, messageTimeoutMs, tokenWaitMs },
      tokenReader: new TokenReader({ edge, replica: reading, reader, versionOf, settleMs }),
      caller: this.#seen.ofCaller(),
    });
    return new InterceptingCall(new StreamCall(parts));
  }

  #newReading(): StreamReading<Request, Message> {
    return new StreamReading(this.#options.replica, this.#reads);
  }

  /** One reading is read once, so what bounds it is how many others are open. */
  #readerOf(reading: StreamReading<Request, Message>): ReplicaReader<Request, Step<Message>> {
    const { budget, clockSkewMs } = this.#options;
    const maxReads = this.#reads.hasRoom ? 1 : 0;
    return new ReplicaReader(reading, { ...budget, clockSkewMs, maxReads });
  }
}

function edgeTokensOf<Request, Message>(
  { replica }: ResolvedStreamOptions<Request, Message>,
  { source, settleMs, shows }: ResolvedTokenOptions<Message>,
): EdgeTokens<Request, Message> {
  return new EdgeTokens({
    source,
    settleMs,
    keyOf: () => undefined,
    shownBy: (_request, message) => orUndefined(() => shows?.(message)) ?? [],
    epoch: () => orUndefined(() => replica.freshness().epoch),
  });
}

/** What cannot be told is not known. */
function orUndefined<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}
