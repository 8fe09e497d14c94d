import type { MethodDefinition } from '@grpc/grpc-js';
import type { FileRegistry } from '@bufbuild/protobuf';
import { ladderOf, type Ladder, type QueryStage, type StageWatch } from '@banyan/control';
import {
  BanyanError,
  flag,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import { hasFunctions, object, type BudgetOptions } from '../query/query-edge-options.js';
import type { NotFoundStatus } from '../query/replica-first.js';
import type { TokenOptions } from '../tokens/token-options.js';
import type { StreamReplica } from './stream-replica.js';

/** The stages that a streaming method can run. */
export type StreamStage = 'call' | 'prefer-replica' | 'replica';

const STREAM_STAGES: readonly StreamStage[] = ['call', 'prefer-replica', 'replica'];

export interface StreamEdgeOptions<Request, Message> {
  /** For example `tasks -> projects.WatchProjects`. */
  edge: string;
  /** The method, from the service definition that ts-proto generates. Its answer is a stream, its request is not. */
  method: MethodDefinition<Request, Message>;
  replica: StreamReplica<Request, Message>;
  /** How old the replica may be when a stream begins. */
  budget: BudgetOptions;
  /** The process's stage watch. */
  stages: StageWatch;
  /** The stages that this process may run; default `call`, `prefer-replica` and `replica`. Streams have no `cache` and no `shadow`. */
  supports?: readonly StreamStage[];
  /**
   * That asking once more, or asking the replica instead, harms nobody. Default: what the method's `idempotency_level`
   * says. Without it the edge is refused.
   */
  sideEffectFree?: boolean;
  /** Where the method's declaration is found; default the descriptors of `@banyan/contracts`. For your own: a FileRegistry. */
  descriptors?: FileRegistry;
  /** What a caller learns at the stage `replica` when its `read` gives undefined; put it as the provider does. */
  notFound?: (request: Request) => NotFoundStatus;
  /** How far the source's clock may be ahead of this process's, in ms; default 100. Counts against the staleness budget. */
  clockSkewMs?: number;
  /** At `prefer-replica`: how long, in ms, the first message may take until the provider is asked instead; default 250, half the deadline at most. */
  readTimeoutMs?: number;
  /** How long, in ms, the replica may take for any other message, and for the first one at `replica`; default 5000. Then the stream ends with UNAVAILABLE. */
  messageTimeoutMs?: number;
  /** What callers have seen, and how replicas keep up with it; `shows` is asked once a message. */
  tokens?: TokenOptions<Message>;
  /** Streams of the replica open at once, those included that hang while they close; default 1000. Beyond it the replica counts as busy. */
  maxReads?: number;
  logger?: Logger;
}

type Checked<Request, Message> = Omit<StreamEdgeOptions<Request, Message>, 'descriptors'>;

export type ResolvedStreamOptions<Request, Message> = Required<Checked<Request, Message>> & {
  ladder: Ladder<QueryStage>;
  descriptors: FileRegistry | undefined;
};

/** Checks the options once; see `StreamEdgeOptions`. The tokens' are checked where the edge's name is known. */
export function resolveStreamEdgeOptions<Request, Message>(
  given: StreamEdgeOptions<Request, Message>,
): ResolvedStreamOptions<Request, Message> {
  const { descriptors, ...others } = given;
  refuseOtherStages(given);
  const options = resolveOptions('stream edge', rules<Request, Message>(), others);
  return { ...options, descriptors, ladder: ladderOf(options.supports) };
}

/** Said in so many words, since queries have them. */
function refuseOtherStages({ edge, supports = [] }: { edge: string; supports?: readonly string[] }): void {
  const other = supports.find((stage) => stage === 'cache' || stage === 'shadow');
  if (other === undefined) return;
  throw new BanyanError('BANYAN_OPTION_INVALID', `${edge}: a streaming method has no stage ${other}`, {
    remedy: `Leave ${other} out of supports; streams run ${STREAM_STAGES.join(', ')}.`,
  });
}

function rules<Request, Message>(): OptionRules<Checked<Request, Message>> {
  return {
    edge: text(),
    method: object('a server-streaming method of a generated service definition', isServerStreaming),
    replica: object('a replica with read and freshness', (value) => hasFunctions(value, 'read', 'freshness')),
    budget: object(
      '{ stalenessMs } above 0',
      (value) => 'stalenessMs' in value && Number(value.stalenessMs) > 0,
    ),
    stages: object('a stage watch', (value) => hasFunctions(value, 'edge')),
    supports: {
      ...object<readonly StreamStage[]>(`a list of stages of ${STREAM_STAGES.join(', ')}`, isSupported),
      fallback: STREAM_STAGES,
    },
    sideEffectFree: flag(false),
    notFound: {
      must: 'a function',
      check: (value): value is (request: Request) => NotFoundStatus => typeof value === 'function',
      fallback: () => ({ details: 'there is no such thing' }),
    },
    clockSkewMs: wholeNumber(0, 60_000, 100),
    readTimeoutMs: wholeNumber(1, 600_000, 250),
    messageTimeoutMs: wholeNumber(1, 600_000, 5_000),
    tokens: { ...object<TokenOptions<Message>>('options of tokens', () => true), fallback: {} },
    maxReads: wholeNumber(1, 100_000, 1_000),
    logger: { ...object<Logger>('a logger', (value) => hasFunctions(value, 'warn')), fallback: silentLogger },
  };
}

function isServerStreaming(value: object): boolean {
  const { path, requestStream, responseStream } = value as Record<string, unknown>;
  return typeof path === 'string' && requestStream === false && responseStream === true;
}

function isSupported(value: object): boolean {
  const known: readonly unknown[] = STREAM_STAGES;
  return Array.isArray(value) && value.length > 0 && value.every((stage) => known.includes(stage));
}
