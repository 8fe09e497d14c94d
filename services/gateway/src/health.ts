import type { FastifyInstance } from 'fastify';
import type { ServiceClients } from './service-clients.js';

export interface Health {
  clients: ServiceClients;
  /** True from the moment that it is told to stop. */
  isStopping: () => boolean;
  /** True while live updates can be read. */
  isLive: () => boolean;
}

/**
 * `/healthz`: the process answers. `/readyz`: it should be sent requests; not while it stops, nor while every service is out
 * of reach. A service or the broker away by itself leaves it ready, since all else goes on; the body says so.
 */
export function healthRoutes(app: FastifyInstance, health: Health): void {
  app.get('/healthz', { schema: { hide: true } }, () => ({ ok: true }));
  app.get('/readyz', { schema: { hide: true } }, (_request, reply) => {
    const services = health.clients.reachable();
    const stopping = health.isStopping();
    const ready = !stopping && Object.values(services).some((reachable) => reachable);
    return reply.status(ready ? 200 : 503).send({ ready, stopping, live: health.isLive(), services });
  });
}
