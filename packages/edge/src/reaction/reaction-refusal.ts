import { Metadata, status } from '@grpc/grpc-js';

/** Why a receiver did not even try: for programs, in `google.rpc.ErrorInfo` where the host writes one. */
export type RefusalReason =
  | 'REACTION_WITHOUT_ID'
  | 'REACTION_INCOMPLETE'
  | 'REACTION_TOO_OLD'
  | 'REACTION_TOO_EARLY'
  | 'REACTION_CUT_OFF'
  | 'REACTION_ANSWER_NOT_KEPT';

const CODES: Record<RefusalReason, status> = {
  REACTION_WITHOUT_ID: status.FAILED_PRECONDITION,
  REACTION_INCOMPLETE: status.INVALID_ARGUMENT,
  REACTION_TOO_OLD: status.FAILED_PRECONDITION,
  REACTION_TOO_EARLY: status.UNAVAILABLE,
  REACTION_CUT_OFF: status.UNAVAILABLE,
  REACTION_ANSWER_NOT_KEPT: status.ALREADY_EXISTS,
};

/** A call of a reaction that was answered without its effect being done now. grpc-js takes it as a status. */
export class ReactionRefusal extends Error {
  readonly reason: RefusalReason;
  readonly code: status;
  readonly details: string;
  readonly metadata = new Metadata();

  constructor(reason: RefusalReason, details: string) {
    super(details);
    this.name = 'ReactionRefusal';
    this.reason = reason;
    this.code = CODES[reason];
    this.details = details;
  }
}

/**
 * How a service's rules say no. A refusal is the outcome of a reaction like any other: it is recorded, and told again to
 * whoever comes second. Any other error is trouble: it undoes everything, and the reaction is tried again.
 */
export interface Refusals {
  /** The refusal in a form that can be kept; undefined: the error is none. */
  record: (error: unknown) => string | undefined;
  /** The error that it was. */
  restore: (recorded: string) => Error;
}

/** For services whose rules refuse nothing. */
export const NO_REFUSALS: Refusals = { record: () => undefined, restore: (recorded) => new Error(recorded) };
