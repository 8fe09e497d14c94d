import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** The board's page and its compiled scripts, beside this package's sources and builds alike. */
const PAGE = fileURLToPath(new URL('../board/public', import.meta.url));
const SCRIPTS = fileURLToPath(new URL('../dist/board', import.meta.url));

/** Serves the board at `/board/`. */
export async function serveBoard(app: FastifyInstance): Promise<void> {
  await app.register(fastifyStatic, { root: PAGE, prefix: '/board/', decorateReply: false });
  await app.register(fastifyStatic, { root: SCRIPTS, prefix: '/board/js/', decorateReply: false });
  app.get('/board', { schema: { hide: true } }, (_request, reply) => reply.redirect('/board/'));
}
