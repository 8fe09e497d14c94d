/** What is wrong with one field of a request. */
export interface Violation {
  /** The field as in the `.proto`, e.g. `page_size`. */
  field: string;
  /** What it must be and what was seen, e.g. `must be 1 to 200 characters, not 0`. */
  description: string;
}

/** Why a service says no. Each kind becomes one gRPC status. */
export type Refusal =
  /** The request makes no sense whatever the state is: INVALID_ARGUMENT. */
  | { kind: 'invalid'; violations: readonly Violation[] }
  /** There is no such thing: NOT_FOUND. */
  | { kind: 'missing'; what: string; id: string }
  /** The state does not allow it now: FAILED_PRECONDITION. `reason` is UPPER_SNAKE_CASE. */
  | { kind: 'refused'; reason: string; metadata: Readonly<Record<string, string>> }
  /** Somebody else changed it first: ABORTED. */
  | { kind: 'conflict'; what: string; id: string; expected: number; current: number };

/** A no from the rules of a service: expected, told to the caller as it is, never logged as a failure. */
export class DomainError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, message: string) {
    super(message);
    this.name = 'DomainError';
    this.refusal = refusal;
  }
}

/** The request is refused for these fields. */
export function invalid(violations: readonly Violation[]): DomainError {
  const message = violations.map(({ field, description }) => `${field} ${description}`).join('; ');
  return new DomainError({ kind: 'invalid', violations }, message);
}

/** @param what the kind of thing in lower case, e.g. `project` */
export function missing(what: string, id: string): DomainError {
  return new DomainError({ kind: 'missing', what, id }, `there is no ${what} ${JSON.stringify(id)}`);
}

/** @param reason UPPER_SNAKE_CASE, for programs; `message` is for people; `metadata` holds the values seen */
export function refused(
  reason: string,
  message: string,
  metadata: Readonly<Record<string, string>> = {},
): DomainError {
  return new DomainError({ kind: 'refused', reason, metadata }, message);
}

/**
 * Refuses a change that was made with another version in mind.
 *
 * @param expected the version that the caller has seen; 0: any will do
 */
export function checkVersion(what: string, found: { id: string; version: number }, expected: number): void {
  const { id, version: current } = found;
  if (expected === 0 || expected === current) return;
  throw new DomainError(
    { kind: 'conflict', what, id, expected, current },
    `${what} ${id} is at version ${current}, not ${expected}: read it again and decide anew`,
  );
}
