import { status, type Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { messageOf, systemClock, type Logger } from '@banyan/runtime';
import { type ComparisonQueue, type ComparisonJob } from './comparison-queue.js';
import { compareSides, type ComparisonRules, type ProviderAnswer, type Sides } from './comparison.js';
import type { ChangeTally } from './evidence.js';
import { MessageCopies } from './message-copies.js';
import { answerOf, askProvider, type CallRoute, type StatusCode } from '../query/provider-call.js';
import type { ReplicaAnswer, ReplicaReader } from '../query/replica-reader.js';

export interface ComparerParts<Request, Response> {
  method: MethodDefinition<Request, Response>;
  reader: ReplicaReader<Request, Response>;
  rules: ComparisonRules<Response>;
  queue: ComparisonQueue;
  /** Of each read and each own question to the provider. */
  timeoutMs: number;
  logger: Logger;
}

/** A call as it was asked, kept for its comparison. */
export interface Question<Request> {
  route: CallRoute;
  metadata: Metadata;
  request: () => Request;
  tally: ChangeTally;
}

/** An answer as it was given, kept for its comparison. */
export type KeptAnswer<Response> = () => ProviderAnswer<Response>;

/** Compares what provider and replica answer, off the caller's path. */
export class Comparer<Request, Response> {
  readonly #parts: ComparerParts<Request, Response>;
  readonly #copies: MessageCopies<Request, Response>;

  constructor(parts: ComparerParts<Request, Response>) {
    this.#parts = parts;
    this.#copies = new MessageCopies(parts.method);
  }

  /** Keeps a call for comparison; undefined, and counted, if there is no room. */
  keep(call: Omit<Question<Request>, 'request'>, request: Request): Question<Request> | undefined {
    if (!this.#parts.queue.hasRoom) {
      call.tally.shed();
      return undefined;
    }
    return { ...call, metadata: call.metadata.clone(), request: this.#copies.request(request) };
  }

  /** Keeps an answer of the provider. Call it before the caller has the message. */
  keepAnswer(code: StatusCode, message: Response | undefined): KeptAnswer<Response> {
    const copy = message === undefined ? undefined : this.#copies.response(message);
    return () => answerOf(code, copy?.());
  }

  /** Keeps an answer of the replica. Call it before the caller has the message. */
  keepReplicaAnswer(message: Response): () => Response {
    return this.#copies.response(message);
  }

  /** The provider has answered the caller: see what the replica would have said. */
  afterProvider(question: Question<Request>, kept: KeptAnswer<Response>, code: StatusCode): void {
    if (code === status.CANCELLED) return;
    const answeredMs = systemClock.monotonicMs();
    this.#enqueue(question, async (request, signal) => {
      const provider = kept();
      const replica = provider.kind === 'failed' ? NOT_ASKED : await this.#read(request);
      await this.#compare(question, { provider, answeredMs, replica }, signal);
    });
  }

  /** The replica has answered the caller: see what the provider would have said. */
  afterReplica(question: Question<Request>, kept: () => Response): void {
    this.#enqueue(question, async (request, signal) => {
      const provider = await this.#ask(question, request);
      const answeredMs = systemClock.monotonicMs();
      const replica = { kind: 'found' as const, response: kept() };
      await this.#compare(question, { provider, answeredMs, replica }, signal);
    });
  }

  #enqueue(
    question: Question<Request>,
    compare: (request: Request, signal: AbortSignal) => Promise<void>,
  ): void {
    const job: ComparisonJob = async (signal) => {
      try {
        await compare(question.request(), signal);
      } catch (error) {
        question.tally.comparison({ outcome: 'unjudged', version: null, note: 'the comparison failed' });
        this.#parts.logger.error('cannot compare', { error: messageOf(error) });
      }
    };
    if (this.#parts.queue.hasRoom) this.#parts.queue.add(job);
    else question.tally.shed();
  }

  async #compare(
    question: Question<Request>,
    seen: Omit<Sides<Response>, 'readAgain' | 'askAgain'>,
    signal: AbortSignal,
  ): Promise<void> {
    const request = question.request();
    const readAgain = (): Promise<ReplicaAnswer<Response>> => this.#read(request);
    const askAgain = (): Promise<ProviderAnswer<Response>> => this.#ask(question, request);
    question.tally.comparison(
      await compareSides({ ...seen, readAgain, askAgain }, this.#parts.rules, signal),
    );
  }

  async #read(request: Request): Promise<ReplicaAnswer<Response>> {
    const answer = await this.#parts.reader.any(request, this.#parts.timeoutMs);
    if (answer.kind !== 'found') return answer;
    try {
      return { kind: 'found', response: this.#copies.response(answer.response)() };
    } catch (cause) {
      return { kind: 'failed', reason: 'error', cause };
    }
  }

  #ask({ route, metadata }: Question<Request>, request: Request): Promise<ProviderAnswer<Response>> {
    return askProvider(route, { metadata, request, timeoutMs: this.#parts.timeoutMs });
  }
}

const NOT_ASKED: ReplicaAnswer<never> = { kind: 'not-found' };
