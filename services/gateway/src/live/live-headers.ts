import type { FastifyInstance } from 'fastify';
import type { LiveHub } from './live-hub.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The source whose events tell of later changes to the answer. */
    source?: string;
  }
}

/** On the answers that events go on from. */
export const POSITION_HEADER = 'banyan-position';
/** How the client should learn of the next change: `poll` or `push`. */
export const LIVE_HEADER = 'banyan-live';

/**
 * Says with each answer after which event it was read: whoever subscribes from there misses nothing. Taken before the service
 * is asked, and what is in the stream is committed, so the answer holds at least that.
 */
export function tellPositions(app: FastifyInstance, hub: LiveHub): void {
  app.addHook('preHandler', (request, reply, done) => {
    const { source } = request.routeOptions.config;
    if (source !== undefined) {
      const position = hub.positionOf(source);
      if (position !== undefined) void reply.header(POSITION_HEADER, position);
      const key = request.headers['banyan-client']?.toString();
      void reply.header(LIVE_HEADER, hub.modes.of(key));
    }
    done();
  });
}
