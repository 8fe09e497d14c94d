import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { NatsConnection } from '@nats-io/nats-core';
import type { GatewayOptions } from '../gateway-options.js';
import { ProblemError } from '../problem/problem.js';
import type { Api } from '../rest/type-provider.js';
import { auditRoutes } from './audit/audit-routes.js';
import { described } from './described.js';
import { edgeRoutes } from './edge/edge-routes.js';
import { liveRoutes } from './live/live-routes.js';
import { OperatorDesk } from './operator-desk.js';
import { parkedRoutes } from './parked/parked-routes.js';
import { planRoutes } from './plan/plan-routes.js';
import { OperatorGuard, refuseOtherOrigins } from './session/operator-guard.js';
import { sessionRoutes } from './session/session-routes.js';
import type { Overview } from './wire.js';

export interface OperatorParts {
  options: GatewayOptions;
  nats: Promise<NatsConnection>;
}

/**
 * What operators look at and do, for a part of the app of its own: `/api/operator`. Everything but the session and
 * `/openapi.json` is for those alone who know the token. Without a token there is nothing.
 */
export async function operatorApi(app: FastifyInstance, { options, nats }: OperatorParts): Promise<void> {
  const { operatorToken, operatorDatabases: databases, playbook, logger } = options;
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('cache-control', 'no-store');
    refuseOtherOrigins(request);
    done();
  });
  if (operatorToken === '') {
    app.all('/*', () => Promise.reject(isOff()));
    return;
  }
  await describe(app);
  const guard = new OperatorGuard(operatorToken);
  const desk = new OperatorDesk({ nats, databases, playbook, logger });
  app.addHook('onReady', (done) => {
    desk.looker.start();
    done();
  });
  app.addHook('onClose', () => desk.looker.stop());
  sessionRoutes(app.withTypeProvider(), guard);
  await app.register((guarded, _options, done) => {
    guarded.decorateRequest('operator');
    guarded.addHook('onRequest', (request, _reply, next) => {
      request.operator = guard.admit(request);
      next();
    });
    routes(guarded.withTypeProvider(), desk);
    liveRoutes(guarded.withTypeProvider(), { desk, guard });
    done();
  });
}

function routes(api: Api, desk: OperatorDesk): void {
  const schema = described('overview', 'Edges, services, relays, subscribers, flags, run and broker.');
  api.get('/overview', { schema }, (): Promise<Overview> => desk.looker.look());
  edgeRoutes(api, desk);
  auditRoutes(api, desk.audit);
  parkedRoutes(api, desk);
  planRoutes(api, desk);
}

async function describe(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Banyan’s operator API', version: '0.1.0', description: 'See docs/operator-api.md.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

function isOff(): ProblemError {
  return new ProblemError({
    status: 404,
    code: 'OPERATOR_API_OFF',
    detail: 'this gateway has no operator API',
    remedy: 'Give it the option operatorToken, or OPERATOR_TOKEN, of at least 20 characters.',
  });
}
