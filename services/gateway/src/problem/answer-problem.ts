import type { Logger } from '@banyan/runtime';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { problem, type Problem } from './problem.js';
import { problemOf } from './problem-of.js';

/** Has every failure of an app, and every path that it does not know, answered as a problem. */
export function answerProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, problemOf(error, logger)));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      problem({
        status: 404,
        code: 'NO_SUCH_ROUTE',
        detail: `there is no ${request.method} ${request.url}`,
        remedy: 'See /api/openapi.json for what there is.',
      }),
    ),
  );
}

export function sendProblem(reply: FastifyReply, told: Problem): FastifyReply {
  if (told.status === 503) void reply.header('retry-after', '1');
  const { raw, socket } = reply.request;
  // Nobody else ends a connection that was to become a WebSocket.
  if (raw.headers.upgrade !== undefined) reply.raw.once('finish', () => socket.end());
  return reply
    .status(told.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify({ ...told, requestId: reply.request.id }));
}
