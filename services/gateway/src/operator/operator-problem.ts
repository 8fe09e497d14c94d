import { type BanyanError, isBanyanError, type ErrorCode } from '@banyan/runtime';
import type { NextGate } from '@banyan/control';
import { ProblemError } from '../problem/problem.js';

/** What an action can be refused for that is no failure of the broker's or of a database. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  BANYAN_EDGE_INVALID: 400,
  BANYAN_STAGE_INVALID: 409,
  BANYAN_SHARE_INVALID: 409,
  BANYAN_STAGE_CONFLICT: 412,
  BANYAN_PARKED_UNKNOWN: 404,
};

/** Does something, and tells as a problem with its own status what the caller can mend. */
export async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isBanyanError(error) ? problemFor(error) : error;
  }
}

function problemFor(error: BanyanError): ProblemError | BanyanError {
  const status = STATUS[error.code];
  if (status === undefined) return error;
  const { code, rawMessage: detail, remedy } = error;
  return new ProblemError({ status, code, detail, remedy }, error);
}

/** What a gate said, and by which settings. */
export type JudgedGate = Omit<NextGate, 'stage'>;

export function gateRefused(edge: string, { outcome, reasons, settingsFrom }: JudgedGate): ProblemError {
  return new ProblemError({
    status: 409,
    code: 'BANYAN_GATE_REFUSED',
    detail: `${edge} does not advance: ${reasons.join('; ')}`,
    remedy: 'See what is missing in the reasons; `force` with a reason overrides the gate and is audited.',
    outcome: outcome === 'pass' ? 'fail' : outcome,
    ...{ reasons, settingsFrom },
  });
}

export function changedMeanwhile(edge: string, seen: number, expected: number): ProblemError {
  return new ProblemError({
    status: 412,
    code: 'BANYAN_STAGE_CONFLICT',
    detail: `${edge} is at change ${seen}, and not at ${expected}`,
    remedy: 'Look at it again and decide anew, with the number of its last change.',
  });
}

export function brokerAway(): ProblemError {
  return new ProblemError({
    status: 503,
    code: 'BANYAN_CONTROL_UNREACHABLE',
    detail: 'the broker is away',
    remedy: 'Try again once it is back; running processes go on at their last known stages.',
  });
}
