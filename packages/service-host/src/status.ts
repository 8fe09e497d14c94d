import { randomUUID } from 'node:crypto';
import { Metadata, status as Code, type ServiceError } from '@grpc/grpc-js';
import { ReactionRefusal } from '@banyan/edge';
import { messageOf } from '@banyan/runtime';
import { DomainError, missing, type Refusal } from './domain-error.js';
import { withDetails, type StatusDetails } from './status-details.js';

/** What a call is answered with when it fails. */
export interface FailedStatus {
  code: Code;
  details: string;
  metadata: Metadata;
  /** Set for what nobody expected: the id under which the cause is logged. The caller sees the id, never the cause. */
  errorId?: string;
}

/** The work of a call ended before it was done, because the caller went away or the time was up. */
export class CallEnded extends Error {
  readonly code: Code.CANCELLED | Code.DEADLINE_EXCEEDED;

  constructor(code: Code.CANCELLED | Code.DEADLINE_EXCEEDED, message: string) {
    super(message);
    this.name = 'CallEnded';
    this.code = code;
  }
}

/** True for an error that a grpc-js client call ended with. */
export function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'number' &&
    'metadata' in error &&
    error.metadata instanceof Metadata
  );
}

/**
 * Turns whatever a handler threw into a status. Refusals of the rules are told as they are; trouble that passes
 * (database, another service, time) keeps a code that says so; all else is INTERNAL and an id.
 *
 * @param service whose error it is: the domain of its reasons
 */
export function statusOf(error: unknown, service: string): FailedStatus {
  if (error instanceof DomainError) return refusalStatus(error, service);
  if (error instanceof ReactionRefusal) return reactionStatus(error, service);
  if (error instanceof CallEnded)
    return { code: error.code, details: error.message, metadata: new Metadata() };
  return passingTrouble(error, service) ?? unexpected(service);
}

/**
 * How a service tells that there is no such thing, for those who answer in its place.
 *
 * @param service whose answer it would be
 * @param what the kind of thing in lower case, e.g. `project`
 */
export function missingStatus(service: string, what: string, id: string): FailedStatus {
  return refusalStatus(missing(what, id), service);
}

function reactionStatus({ code, details, reason }: ReactionRefusal, service: string): FailedStatus {
  const info = { reason, domain: service, metadata: {} };
  return { code, details, metadata: withDetails(code, details, { info }) };
}

function refusalStatus(error: DomainError, service: string): FailedStatus {
  const { code, reason, metadata, details = {} } = refusalParts(error.refusal);
  const info = { reason, domain: service, metadata };
  return {
    code,
    details: error.message,
    metadata: withDetails(code, error.message, { info, ...details }),
  };
}

interface RefusalParts {
  code: Code;
  reason: string;
  metadata: Record<string, string>;
  details?: StatusDetails;
}

function refusalParts(refusal: Refusal): RefusalParts {
  switch (refusal.kind) {
    case 'invalid':
      return {
        code: Code.INVALID_ARGUMENT,
        reason: 'INVALID_REQUEST',
        metadata: {},
        details: {
          badRequest: { fieldViolations: [...refusal.violations] },
        },
      };
    case 'missing': {
      const { what, id } = refusal;
      const resource = { resourceType: what, resourceName: id };
      const reason = `${what.toUpperCase()}_NOT_FOUND`;
      return { code: Code.NOT_FOUND, reason, metadata: { id }, details: { resource } };
    }
    case 'refused':
      return { code: Code.FAILED_PRECONDITION, reason: refusal.reason, metadata: { ...refusal.metadata } };
    case 'conflict': {
      const { id, expected, current } = refusal;
      const metadata = { id, expectedVersion: String(expected), currentVersion: String(current) };
      return { code: Code.ABORTED, reason: 'VERSION_CONFLICT', metadata };
    }
  }
}

const UNAVAILABLE_SQLSTATE = /^(08...|57P0[1-4]|53300)$/;
const UNAVAILABLE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'ENOENT',
]);
// pg reports these without a code.
const UNAVAILABLE_MESSAGE =
  /timeout exceeded when trying to connect|Connection terminated|connection error and is not queryable/;

function passingTrouble(error: unknown, service: string): FailedStatus | undefined {
  if (isServiceError(error)) return downstreamTrouble(error, service);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === '57014') return status(Code.DEADLINE_EXCEEDED, 'the database took too long', service);
  if (code === '40001' || code === '40P01') {
    return status(Code.ABORTED, 'another change came in between: try again', service);
  }
  const away =
    UNAVAILABLE_SQLSTATE.test(code) ||
    UNAVAILABLE_SYSTEM.has(code) ||
    UNAVAILABLE_MESSAGE.test(messageOf(error));
  return away ? status(Code.UNAVAILABLE, 'the database is not available', service) : undefined;
}

/** Only codes that mean "not now" pass through: any other code was about *our* call, not about the caller's. */
function downstreamTrouble(error: ServiceError, service: string): FailedStatus | undefined {
  const passing = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED, Code.CANCELLED];
  if (!passing.includes(error.code)) return undefined;
  return status(error.code, `a service that is needed failed: ${error.details}`, service);
}

function status(code: Code, details: string, service: string): FailedStatus {
  const info = { reason: Code[code], domain: service, metadata: {} };
  return { code, details, metadata: withDetails(code, details, { info }) };
}

function unexpected(service: string): FailedStatus {
  const errorId = randomUUID();
  const details = `internal error ${errorId}`;
  const info = { reason: 'INTERNAL', domain: service, metadata: { errorId } };
  return { code: Code.INTERNAL, details, metadata: withDetails(Code.INTERNAL, details, { info }), errorId };
}
