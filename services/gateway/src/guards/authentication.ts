import { messageOf, type Logger } from '@banyan/runtime';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticate } from '../gateway-options.js';
import { ProblemError } from '../problem/problem.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request, as the option `authenticate` says. */
    who: string;
  }
}

/** Has every request to a part of the app, sockets included, made by somebody. */
export function authenticateRequests(
  app: FastifyInstance,
  { authenticate, logger }: { authenticate: Authenticate; logger: Logger },
): void {
  app.decorateRequest('who', '');
  app.addHook('onRequest', async (request) => {
    const who = await asked(authenticate, request, logger);
    if (who !== undefined) request.who = who;
    else
      throw new ProblemError({
        ...{ status: 401, code: 'UNAUTHENTICATED', detail: 'nobody knows who makes this request' },
        remedy: 'Sign in, or send what this gateway’s operator has asked for.',
      });
  });
}

async function asked(
  authenticate: Authenticate,
  request: FastifyRequest,
  logger: Logger,
): Promise<string | undefined> {
  try {
    return await authenticate(request);
  } catch (error) {
    logger.warn('authentication failed', { requestId: request.id, error: messageOf(error) });
    return undefined;
  }
}
