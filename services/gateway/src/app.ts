import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { StageWatch } from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import { fastify, type FastifyInstance } from 'fastify';
import { serveBoard } from './board-pages.js';
import type { GatewayOptions } from './gateway-options.js';
import { authenticateRequests } from './guards/authentication.js';
import { refuseForeignPages } from './guards/hosts.js';
import { healthRoutes } from './health.js';
import { operatorApi } from './operator/operator-api.js';
import { servePages } from './pages.js';
import { tellPositions } from './live/live-headers.js';
import type { LiveHub } from './live/live-hub.js';
import type { LiveOptions } from './live/live-options.js';
import { liveRoutes } from './live/live-routes.js';
import { answerProblems } from './problem/answer-problem.js';
import { scopeRequests } from './request/request-scope.js';
import { restApi } from './rest/rest-api.js';
import type { ServiceClients } from './service-clients.js';

/** What an app is made of. */
export interface GatewayParts {
  options: GatewayOptions;
  clients: ServiceClients;
  /** Resolves once the broker is there. */
  nats: Promise<NatsConnection>;
  /** Stages and flags as this process knows them. */
  stages: StageWatch;
  hub: LiveHub;
  live: LiveOptions;
  /** True from the moment that the gateway is told to stop. */
  isStopping: () => boolean;
}

const REQUEST_ID = /^[\w.-]{1,64}$/;

/** The HTTP app, not listening yet; `inject` works on it. */
export async function gatewayApp(parts: GatewayParts): Promise<FastifyInstance> {
  const { options, clients, isStopping } = parts;
  const app = fastify({
    bodyLimit: options.maxBodyBytes,
    trustProxy: options.trustProxy,
    forceCloseConnections: 'idle',
    genReqId: ({ headers }) => acceptedId(headers['x-request-id']),
    // What is wrong is refused, and never bent into shape.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: true } },
  });
  // A form of any page can send it.
  app.removeContentTypeParser('text/plain');
  answerProblems(app, options.logger);
  letGo(app, isStopping);
  logRequests(app, options);
  refuseForeignPages(app, options);
  await securityPlugins(app, options);
  healthRoutes(app, { clients, isStopping, isLive: () => parts.hub.isFlowing });
  await serveBoard(app);
  await servePages(app, options);
  await app.register(
    async (api) => {
      authenticateRequests(api, options);
      scopeRequests(api, options);
      tellPositions(api, parts.hub);
      await restApi(api, clients);
      await liveRoutes(api, parts.hub, parts.live);
    },
    { prefix: '/api' },
  );
  await app.register((api) => operatorApi(api, parts), { prefix: '/api/operator' });
  return app;
}

async function securityPlugins(app: FastifyInstance, options: GatewayOptions): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        'base-uri': ["'none'"],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
        'object-src': ["'none'"],
      },
    },
    // It is spoken to without TLS too, on loopback or behind a proxy that adds both.
    strictTransportSecurity: false,
  });
  if (options.corsOrigins.length > 0) {
    await app.register(cors, {
      origin: [...options.corsOrigins],
      credentials: true,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      exposedHeaders: ['etag', 'location', 'banyan-tokens', 'banyan-position', 'banyan-live', 'x-request-id'],
    });
  }
  await app.register(cookie);
  if (options.rateLimit > 0)
    await app.register(rateLimit, { max: options.rateLimit, timeWindow: 60_000, allowList: isFree });
}

/** Pages, their parts and health checks cost nothing; what pages ask for is limited. */
const isFree = ({ url }: { url: string }): boolean => !url.startsWith('/api');

/** An answer that is given while the app stops ends its connection: one that is kept open would have to be waited for. */
function letGo(app: FastifyInstance, isStopping: () => boolean): void {
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isStopping()) void reply.header('connection', 'close');
    done();
  });
}

function logRequests(app: FastifyInstance, { logger }: GatewayOptions): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', ({ id, method, url }, { statusCode, elapsedTime }, done) => {
    logger.debug('request', { requestId: id, method, url, status: statusCode, ms: Math.round(elapsedTime) });
    done();
  });
}

/** The caller's own id, if it can be logged as it is. */
function acceptedId(given: string | string[] | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}
