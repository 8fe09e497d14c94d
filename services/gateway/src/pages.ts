import { existsSync } from 'node:fs';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Serves the pages that browsers are given: the dashboard at `/`, where it has been built. */
export async function servePages(
  app: FastifyInstance,
  { dashboardDir }: { dashboardDir: string },
): Promise<void> {
  if (dashboardDir === '' || !existsSync(dashboardDir)) return;
  await app.register(fastifyStatic, { root: dashboardDir, decorateReply: false });
}
