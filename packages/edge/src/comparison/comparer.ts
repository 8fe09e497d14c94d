import { Metadata, status, type MethodDefinition } from '@grpc/grpc-js';
import { messageOf, systemClock, type Logger } from '@banyan/runtime';
import type { Calibration } from './calibration.js';
import { type ComparisonQueue, type ComparisonJob } from './comparison-queue.js';
import { compareSides, type ComparisonRules, type ProviderAnswer, type Sides } from './comparison.js';
import type { ChangeTally } from './evidence.js';
import { MessageCopies } from './message-copies.js';
import type { Judged } from './mismatch-writer.js';
import type { ComparisonSubject } from './strata.js';
import { answerOf, askProvider, type CallRoute, type StatusCode } from '../query/provider-call.js';
import type { ReplicaAnswer, ReplicaReader } from '../query/replica-reader.js';

export interface ComparerParts<Request, Response> {
  method: MethodDefinition<Request, Response>;
  reader: ReplicaReader<Request, Response>;
  rules: ComparisonRules<Response>;
  queue: ComparisonQueue;
  /** Of each read and each own question to the provider. */
  timeoutMs: number;
  /** What a request is about, for the evidence. Must not throw. */
  subjectOf: (request: Request) => ComparisonSubject;
  /** Told how each comparison ended. */
  onJudged: (question: Question<Request>, judged: Judged<Request, Response>) => void;
  logger: Logger;
}

/** A call as it was asked, kept for its comparison. */
export interface Question<Request> {
  route: CallRoute;
  metadata: Metadata;
  request: () => Request;
  tally: ChangeTally;
  /** Of the request, as it goes over the wire. */
  bytes: number;
  /** Nobody but a probe asked. */
  isProbe?: boolean;
}

/** An answer as it was given, kept for its comparison. */
export interface KeptAnswer<Response> {
  answer: () => ProviderAnswer<Response>;
  bytes: number;
}

/** What the watcher of a call hands it over to. */
export type AnswerJudge<Request, Response> = Pick<
  Comparer<Request, Response>,
  'keep' | 'keepAnswer' | 'afterProvider'
>;

/** Compares what provider and replica answer, off the caller's path. */
export class Comparer<Request, Response> {
  readonly #parts: ComparerParts<Request, Response>;
  readonly #copies: MessageCopies<Request, Response>;
  #lastRoute: CallRoute | undefined;

  constructor(parts: ComparerParts<Request, Response>) {
    this.#parts = parts;
    this.#copies = new MessageCopies(parts.method);
  }

  /** Keeps a call for comparison; undefined, and counted, if there is no room. */
  keep(call: Omit<Question<Request>, 'request' | 'bytes'>, request: Request): Question<Request> | undefined {
    if (!this.#parts.queue.hasRoom) {
      call.tally.shed();
      return undefined;
    }
    this.#lastRoute = call.route;
    const copy = this.#copies.request(request);
    return { ...call, metadata: call.metadata.clone(), request: copy.decode, bytes: copy.bytes };
  }

  /** Keeps an answer of the provider. Call it before the caller has the message. */
  keepAnswer(code: StatusCode, message: Response | undefined): KeptAnswer<Response> {
    const copy = message === undefined ? undefined : this.#copies.response(message);
    return { answer: () => answerOf(code, copy?.decode()), bytes: copy?.bytes ?? 0 };
  }

  /** Keeps an answer of the replica. Call it before the caller has the message. */
  keepReplicaAnswer(message: Response): { response: () => Response; bytes: number } {
    const { decode, bytes } = this.#copies.response(message);
    return { response: decode, bytes };
  }

  /** The provider has answered the caller: see what the replica would have said. */
  afterProvider(question: Question<Request>, kept: KeptAnswer<Response>, code: StatusCode): void {
    if (code === status.CANCELLED) return;
    const answeredMs = systemClock.monotonicMs();
    this.#enqueue(question, kept.bytes, async (request, signal) => {
      const provider = kept.answer();
      const replica = provider.kind === 'failed' ? NOT_ASKED : await this.#timedRead(question, request);
      await this.#compare(question, { provider, answeredMs, replica }, signal);
    });
  }

  /** The replica has answered the caller: see what the provider would have said. */
  afterReplica(question: Question<Request>, kept: { response: () => Response; bytes: number }): void {
    this.#enqueue(question, kept.bytes, async (request, signal) => {
      const provider = await this.#ask(question, request);
      const answeredMs = systemClock.monotonicMs();
      const replica = { kind: 'found' as const, response: kept.response() };
      await this.#compare(question, { provider, answeredMs, replica }, signal);
    });
  }

  /** Asks both sides for nobody but the evidence, when there is room; counts what both answered. */
  probe(route: CallRoute, request: Request, tally: ChangeTally): void {
    if (!this.#parts.queue.hasRoom) return;
    const { bytes, decode } = this.#copies.request(request);
    const question = { route, metadata: new Metadata(), request: decode, tally, bytes, isProbe: true };
    this.#enqueue(question, 0, async (own, signal) => {
      const provider = await this.#ask(question, own);
      // A probe that the provider does not answer, having no credentials perhaps, says nothing of the replica.
      if (provider.kind === 'failed' || provider.kind === 'refused') return;
      const answeredMs = systemClock.monotonicMs();
      await this.#compare(question, { provider, answeredMs, replica: await this.#read(own) }, signal);
    });
  }

  /** Judges by asking the provider once more, for as long as a calibration runs. */
  callAgainstCall(calibration: Calibration<Response>): AnswerJudge<Request, Response> {
    return {
      keep: (call, request) => this.keep(call, request),
      keepAnswer: (code, message) => this.keepAnswer(code, message),
      afterProvider: (question, kept) => {
        this.#enqueue(question, kept.bytes, async (request) => {
          calibration.judge(kept.answer(), await this.#ask(question, request));
        });
      },
    };
  }

  /**
   * Asks both sides anew, now, outside the queue and uncounted.
   *
   * @param asked the question as it was, or a request of which nothing else is known; undefined: no way to the provider yet
   */
  async again(
    asked: Pick<Question<Request>, 'route' | 'metadata' | 'request'>,
    signal: AbortSignal,
  ): Promise<Judged<Request, Response>> {
    const request = asked.request();
    const provider = await this.#ask(asked, request);
    const answeredMs = systemClock.monotonicMs();
    return this.#judge(asked, { provider, answeredMs, replica: await this.#read(request) }, signal);
  }

  /** A request from elsewhere, on the way that the last call of this process went, with none of its metadata. */
  questionOf(bytes: Buffer): Pick<Question<Request>, 'route' | 'metadata' | 'request'> | undefined {
    const route = this.#lastRoute;
    if (route === undefined) return undefined;
    return { route, metadata: new Metadata(), request: () => this.#parts.method.requestDeserialize(bytes) };
  }

  #enqueue(
    question: Question<Request>,
    answerBytes: number,
    compare: (request: Request, signal: AbortSignal) => Promise<void>,
  ): void {
    const run: ComparisonJob['run'] = async (signal) => {
      try {
        await compare(question.request(), signal);
      } catch (error) {
        question.tally.comparison({ outcome: 'unjudged', version: null, note: 'the comparison failed' });
        this.#parts.logger.error('cannot compare', { error: messageOf(error) });
      }
    };
    this.#parts.queue.add({
      run,
      shed: () => question.isProbe !== true && question.tally.shed(),
      bytes: question.bytes + answerBytes,
    });
  }

  async #compare(question: Question<Request>, seen: Seen<Response>, signal: AbortSignal): Promise<void> {
    const judged = await this.#judge(question, seen, signal);
    const { isProbe = false } = question;
    question.tally.comparison(judged.judgement, { ...this.#parts.subjectOf(judged.request), isProbe });
    this.#parts.onJudged(question, judged);
  }

  async #judge(
    asked: Pick<Question<Request>, 'route' | 'metadata' | 'request'>,
    seen: Seen<Response>,
    signal: AbortSignal,
  ): Promise<Judged<Request, Response>> {
    const request = asked.request();
    let { replica } = seen;
    const readAgain = async (): Promise<ReplicaAnswer<Response>> => (replica = await this.#read(request));
    const askAgain = (): Promise<ProviderAnswer<Response>> => this.#ask(asked, request);
    const judgement = await compareSides({ ...seen, readAgain, askAgain }, this.#parts.rules, signal);
    return { judgement, request, provider: seen.provider, replica };
  }

  async #timedRead({ tally }: Question<Request>, request: Request): Promise<ReplicaAnswer<Response>> {
    const startedMs = systemClock.monotonicMs();
    const answer = await this.#read(request);
    tally.read(systemClock.monotonicMs() - startedMs);
    return answer;
  }

  async #read(request: Request): Promise<ReplicaAnswer<Response>> {
    const answer = await this.#parts.reader.any(request, this.#parts.timeoutMs);
    if (answer.kind !== 'found') return answer;
    try {
      return { kind: 'found', response: this.#copies.response(answer.response).decode() };
    } catch (cause) {
      return { kind: 'failed', reason: 'error', cause };
    }
  }

  #ask(
    { route, metadata }: Pick<Question<Request>, 'route' | 'metadata'>,
    request: Request,
  ): Promise<ProviderAnswer<Response>> {
    return askProvider(route, { metadata, request, timeoutMs: this.#parts.timeoutMs });
  }
}

type Seen<Response> = Omit<Sides<Response>, 'readAgain' | 'askAgain'>;

const NOT_ASKED: ReplicaAnswer<never> = { kind: 'not-found' };
