import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from './problem/problem.js';

/** Nothing but its own files, and nothing inline: what events hold can never become a script. */
const POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ...["base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
].join('; ');

const YEAR_MS = 31_536_000_000;
/** Paths that are no places of the dashboard. */
const OTHERS = /^\/(api|board|healthz|readyz)(\/|$)/;
const FILE = /^\/(assets\/[\w.-]+|[\w-]+\.(js|css|svg|png|ico|webmanifest|txt))$/;

/**
 * Serves the dashboard at `/`. Files under `assets` have a hash in their name, and are kept for ever; every other path that a
 * browser asks for as a page is a place in the dashboard, and answered with its one page.
 */
export async function servePages(
  app: FastifyInstance,
  { dashboardDir: root }: { dashboardDir: string },
): Promise<void> {
  if (root === '') return;
  await app.register(async (pages) => {
    await pages.register(fastifyStatic, { root, serve: false });
    pages.get('/*', { schema: { hide: true } }, (request, reply) => answer(request, reply, root));
  });
}

function answer(request: FastifyRequest, reply: FastifyReply, root: string): FastifyReply | undefined {
  const path = request.url.replace(/\?.*$/s, '');
  if (FILE.test(path)) {
    const isHashed = path.startsWith('/assets/');
    return reply.sendFile(path.slice(1), isHashed ? { immutable: true, maxAge: YEAR_MS } : { maxAge: 0 });
  }
  if (OTHERS.test(path) || !wantsPage(request)) {
    reply.callNotFound();
    return reply;
  }
  if (!existsSync(join(root, 'index.html'))) throw notBuilt();
  void reply.header('content-security-policy', POLICY).header('cache-control', 'no-cache');
  return reply.sendFile('index.html', { cacheControl: false });
}

const wantsPage = ({ headers }: FastifyRequest): boolean => (headers.accept ?? '').includes('text/html');

function notBuilt(): ProblemError {
  return new ProblemError({
    status: 503,
    code: 'DASHBOARD_NOT_BUILT',
    detail: 'the dashboard’s page has not been built',
    remedy: 'Run `npm run build` in the repository, and load this page again.',
  });
}
