import { status, type StatusObject } from '@grpc/grpc-js';
import { BanyanError, isBanyanError } from '@banyan/runtime';
import type { ReplicaAnswer, ReplicaReader } from './replica-reader.js';

export type FailedAnswer = Extract<ReplicaAnswer<never>, { kind: 'failed' }>;

export interface FailureParts<Request> {
  edge: string;
  reader: Pick<ReplicaReader<Request, unknown>, 'freshness'>;
  request: Request;
}

/** What a caller learns at `replica` of a replica that gave no answer. */
export function failureStatus<Request>(
  { reason, cause }: FailedAnswer,
  { edge, reader, request }: FailureParts<Request>,
): Pick<StatusObject, 'code' | 'details'> {
  if (isBanyanError(cause, 'BANYAN_REPLICA_BEHIND') || isBanyanError(cause, 'BANYAN_REPLICA_EPOCH'))
    return { code: status.UNAVAILABLE, details: cause.message };
  const error =
    reason === 'stale'
      ? new BanyanError('BANYAN_REPLICA_STALE', `the replica of ${edge} ${ageOf(reader, request)}`)
      : new BanyanError('BANYAN_REPLICA_FAILED', `the replica of ${edge} gave no answer (${reason})`);
  return { code: status.UNAVAILABLE, details: error.message };
}

function ageOf<Request>(reader: FailureParts<Request>['reader'], request: Request): string {
  const { stalenessMs, budgetMs } = reader.freshness(request);
  if (stalenessMs !== null) return `is ${stalenessMs} ms old, the budget is ${budgetMs} ms`;
  return reader.freshness().asOfMs === null ? 'has never started' : 'is behind in what was asked for';
}
