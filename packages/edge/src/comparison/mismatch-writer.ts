import { randomUUID } from 'node:crypto';
import {
  groupOf,
  MISMATCH_MAX_BYTES,
  type FieldDifference,
  type Mismatch,
  type ToldAnswer,
} from '@banyan/control';
import { systemClock } from '@banyan/runtime';
import type { Judgement, ProviderAnswer } from './comparison.js';
import type { ChangeTally } from './evidence.js';
import type { MethodFields } from './method-fields.js';
import type { MismatchLog } from './mismatch-log.js';
import type { ReplicaAnswer } from '../query/replica-reader.js';

/** Longer parts of a difference are cut, in characters of JSON. */
const MAX_VALUE = 300;

/** A comparison as it ended. */
export interface Judged<Request, Response> {
  judgement: Judgement;
  request: Request;
  provider: ProviderAnswer<Response>;
  /** What the replica said last. */
  replica: ReplicaAnswer<Response>;
}

export interface MismatchWriterParts<Question, Request, Response> {
  edge: string;
  fields: MethodFields<Request, Response>;
  log: MismatchLog<Question>;
  /** A request as it goes over the wire. */
  requestBytes: (request: Request) => Buffer;
}

/** Makes a counterexample of each comparison that counts against the replica, redacted and no larger than the store takes. */
export class MismatchWriter<Question extends { tally: ChangeTally }, Request, Response> {
  readonly #parts: MismatchWriterParts<Question, Request, Response>;

  constructor(parts: MismatchWriterParts<Question, Request, Response>) {
    this.#parts = parts;
  }

  write(question: Question, judged: Judged<Request, Response>): void {
    const { outcome, patterns = [], note } = judged.judgement;
    if (outcome === 'equal' || outcome === 'late' || outcome === 'unjudged') return;
    const { log } = this.#parts;
    const nowMs = systemClock.monotonicMs();
    // What has no fields differs in its note: failures by reason. Notes that name a version are one kind.
    const group = groupOf(outcome, patterns.length > 0 ? patterns : [note?.replaceAll(/\d+/g, 'n') ?? '']);
    if (log.wants(group, nowMs)) log.add(this.#mismatch(question, judged, group), question, nowMs);
  }

  /** The fields in which two answers differ, values redacted and cut. */
  differences({
    judgement,
    provider,
    replica,
  }: Omit<Judged<Request, Response>, 'request'>): FieldDifference[] {
    if (judgement.fields === undefined || judgement.fields.length === 0) return [];
    if (provider.kind !== 'found' || replica.kind !== 'found') return [];
    return this.#parts.fields.response.differences(provider.response, replica.response).map(cut);
  }

  #mismatch(question: Question, judged: Judged<Request, Response>, group: string): Mismatch {
    const { edge, fields, requestBytes } = this.#parts;
    const { judgement, request, provider, replica } = judged;
    const { outcome, version, note } = judgement;
    const { change, changeId, stage } = question.tally.running;
    const whole: Mismatch = {
      id: randomUUID().slice(0, 8),
      edge,
      outcome,
      group,
      at: new Date().toISOString(),
      stage,
      change,
      changeId,
      version,
      differences: this.differences(judged),
      ...(note === undefined ? {} : { note }),
      request: fields.request.show(request),
      provider: this.#told(provider),
      replica: this.#told(replica),
      ...(fields.request.hides(request) ? {} : { requestBytes: requestBytes(request).toString('base64') }),
    };
    return fitted(whole);
  }

  #told(answer: ProviderAnswer<Response> | ReplicaAnswer<Response>): ToldAnswer {
    if (answer.kind === 'found') {
      return { kind: 'found', message: this.#parts.fields.response.show(answer.response) };
    }
    if (answer.kind === 'not-found') return { kind: 'not-found' };
    return { kind: answer.kind, because: 'code' in answer ? `status ${answer.code}` : answer.reason };
  }
}

function cut(difference: FieldDifference): FieldDifference {
  const { provider, replica } = difference;
  return {
    ...difference,
    ...(provider === undefined ? {} : { provider: cutValue(provider) }),
    ...(replica === undefined ? {} : { replica: cutValue(replica) }),
  };
}

function cutValue(value: unknown): unknown {
  const json = JSON.stringify(value);
  return json.length > MAX_VALUE ? `${json.slice(0, MAX_VALUE)}…` : value;
}

const LARGE: ToldAnswer = { kind: 'found', message: '(too large to keep)' };

/** Leaves out what is largest and says least, until it fits. */
function fitted(whole: Mismatch): Mismatch {
  const withoutAnswers = { ...whole, provider: cutAnswer(whole.provider), replica: cutAnswer(whole.replica) };
  const { requestBytes: _, ...small } = { ...withoutAnswers, request: '(too large to keep)' };
  const candidates = [whole, withoutAnswers, small, { ...small, differences: small.differences.slice(0, 3) }];
  return candidates.find(fits) ?? { ...small, differences: [] };
}

const fits = (mismatch: Mismatch): boolean =>
  Buffer.byteLength(JSON.stringify(mismatch)) <= MISMATCH_MAX_BYTES - 1024;

const cutAnswer = (answer: ToldAnswer): ToldAnswer => (answer.kind === 'found' ? LARGE : answer);
