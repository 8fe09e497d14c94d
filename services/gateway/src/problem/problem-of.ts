import { randomUUID } from 'node:crypto';
import { isBanyanError, messageOf, type Logger } from '@banyan/runtime';
import { isServiceError } from '@banyan/service-host';
import type { FastifyError } from 'fastify';
import { problem, ProblemError, type Problem } from './problem.js';
import { statusProblem } from './status-problem.js';

/**
 * Tells whatever a request failed with. What nobody expected is logged under an id, and its reader sees the id, never the
 * cause.
 */
export function problemOf(error: unknown, logger: Logger): Problem {
  if (error instanceof ProblemError) return error.problem;
  if (isServiceError(error)) return statusProblem(error);
  if (isFastifyError(error)) return requestProblem(error);
  if (isBanyanError(error)) {
    logger.warn('a request failed', { error: messageOf(error) });
    const { code, rawMessage: detail, remedy } = error;
    return problem({ status: 503, code, detail, remedy });
  }
  const errorId = randomUUID();
  logger.error('a request failed unexpectedly', { errorId, error });
  const remedy = 'Report it, with the error id.';
  return problem({ status: 500, code: 'INTERNAL', detail: `internal error ${errorId}`, remedy });
}

/** What Fastify and its plugins refuse: bodies, media types, schemas, rates. */
function requestProblem(error: FastifyError & { statusCode: number }): Problem {
  const { statusCode: status, code, message: detail, validation, validationContext } = error;
  const told = { status, code, detail, remedy: 'Correct the request; /api/openapi.json describes it.' };
  if (status === 429) return problem({ ...told, remedy: 'Try again after the time in Retry-After.' });
  if (validation === undefined) return problem(told);
  const errors = validation.map(({ instancePath, params, message = '' }) => ({
    field: fieldOf(validationContext ?? 'request', instancePath, params),
    description: message,
  }));
  return problem({ ...told, code: 'INVALID_REQUEST', errors });
}

function fieldOf(where: string, path: string, params: Record<string, unknown>): string {
  const missing = params['missingProperty'] ?? params['additionalProperty'];
  const parts = [where, ...path.split('/').filter((part) => part !== '')];
  return [...parts, ...(typeof missing === 'string' ? [missing] : [])].join('.');
}

function isFastifyError(error: unknown): error is FastifyError & { statusCode: number } {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  );
}
