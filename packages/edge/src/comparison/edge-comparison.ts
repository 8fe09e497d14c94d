import type { CalibrationReport, CutTask, EdgeTask, ReplayAnswer } from '@banyan/control';
import { Calibration } from './calibration.js';
import { Comparer, type AnswerJudge, type ComparerParts, type Question } from './comparer.js';
import { ComparisonQueue } from './comparison-queue.js';
import { methodFields } from './method-fields.js';
import { MismatchLog } from './mismatch-log.js';
import { MismatchWriter } from './mismatch-writer.js';
import type { EdgeGuard } from '../guard/edge-guard.js';
import type { ChangeTally } from './evidence.js';
import type { ComparisonSubject } from './strata.js';
import type { ResolvedOptions } from '../query/query-edge-options.js';
import type { CallRoute } from '../query/provider-call.js';
import type { ReplicaReader } from '../query/replica-reader.js';

/** All that compares on one edge of this process: the comparisons, what they find, and what operators ask of them. */
export class EdgeComparison<Request, Response> {
  readonly #queue: ComparisonQueue;
  readonly #comparer: Comparer<Request, Response>;
  readonly #calibration: Calibration<Response>;
  readonly #callAgainstCall: AnswerJudge<Request, Response>;
  readonly #log: MismatchLog<Question<Request>>;
  readonly #writer: MismatchWriter<Question<Request>, Request, Response>;
  readonly #abort = new AbortController();

  /** @throws BANYAN_OPTION_INVALID for a rule that the method's type does not fit */
  constructor(
    options: ResolvedOptions<Request, Response>,
    reader: ReplicaReader<Request, Response>,
    guard: EdgeGuard,
  ) {
    const { edge, method, compare, lateDeadlineMs, compareTimeoutMs: timeoutMs, logger } = options;
    const fields = methodFields(method, compare);
    const rules = { version: compare.version, fields: fields.response, lateDeadlineMs };
    this.#queue = new ComparisonQueue({ ...options, atOnce: options.comparisonsAtOnce }, logger);
    this.#log = new MismatchLog(options.stages.connection, logger);
    const requestBytes = (request: Request): Buffer => method.requestSerialize(request);
    this.#writer = new MismatchWriter({ edge, fields, log: this.#log, requestBytes });
    const onJudged: ComparerParts<Request, Response>['onJudged'] = (question, judged) => {
      guard.compared(judged.judgement.outcome, question.tally.running.changeId);
      this.#writer.write(question, judged);
    };
    const subjectOf = (request: Request): ComparisonSubject => subjectIn(options, request);
    const told = { onJudged, subjectOf, logger };
    this.#comparer = new Comparer({ method, reader, rules, queue: this.#queue, timeoutMs, ...told });
    this.#calibration = new Calibration(rules);
    this.#callAgainstCall = this.#comparer.callAgainstCall(this.#calibration);
  }

  /** What judges an answer of the provider; undefined: this call is not compared. */
  judgeFor(share: number): AnswerJudge<Request, Response> | undefined {
    return this.#calibration.isRunning ? this.#callAgainstCall : this.comparerFor(share);
  }

  /** What compares a share of the calls; undefined: this call is not among them. */
  comparerFor(share: number): Comparer<Request, Response> | undefined {
    return share > 0 && (share >= 1 || Math.random() < share) ? this.#comparer : undefined;
  }

  /** Compares a request that nobody asked. */
  probe(route: CallRoute, request: Request, tally: ChangeTally): void {
    this.#comparer.probe(route, request, tally);
  }

  /** Resolves once no comparison is waiting or under way. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  /** Ends comparisons. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#queue.stop();
    await this.#log.stop();
  }

  perform(task: Exclude<EdgeTask, CutTask>): Promise<ReplayAnswer | CalibrationReport> {
    switch (task.do) {
      case 'replay':
        return this.#replay(task);
      case 'calibrate':
        this.#calibration.start(task.samples);
        return Promise.resolve(this.#calibration.report());
      case 'calibration':
        return Promise.resolve(this.#calibration.report());
    }
  }

  /** Asks both sides again: as it was asked if this process holds the question, else with nothing but the request. */
  async #replay({ id, requestBytes }: Extract<EdgeTask, { do: 'replay' }>): Promise<ReplayAnswer> {
    const held = this.#log.find(id)?.question;
    if (held === undefined && requestBytes === undefined) return { replayed: false, because: NOT_KEPT };
    const asked = held ?? this.#comparer.questionOf(Buffer.from(requestBytes ?? '', 'base64'));
    if (asked === undefined) return { replayed: false, because: NO_WAY };
    const judged = await this.#comparer.again(asked, this.#abort.signal);
    const { outcome, version, note } = judged.judgement;
    const differences = this.#writer.differences(judged);
    return { replayed: true, outcome, version, differences, ...(note === undefined ? {} : { note }) };
  }
}

/** What cannot be told of a request is not known. */
function subjectIn<Request, Response>(
  { stratumOf, ramp }: ResolvedOptions<Request, Response>,
  request: Request,
): ComparisonSubject {
  return { stratum: orUndefined(() => stratumOf(request)), key: orUndefined(() => ramp.keyOf(request)) };
}

function orUndefined<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}

const NOT_KEPT =
  'parts of the request are sensitive or too large to keep, and this process does not hold it any more';
const NO_WAY = 'this process has compared no call yet, so it has no way to the provider';
