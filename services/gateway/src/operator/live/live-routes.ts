import type { FastifyReply } from 'fastify';
import { ProblemError } from '../../problem/problem.js';
import type { Api } from '../../rest/type-provider.js';
import { described } from '../described.js';
import type { OperatorDesk } from '../operator-desk.js';
import type { Operator, OperatorGuard } from '../session/operator-guard.js';
import { LiveStream } from './live-stream.js';

const MOST_READERS = 64;
const PING_MS = 3_000;

interface LiveParts {
  desk: OperatorDesk;
  guard: OperatorGuard;
}

/** Everything as it happens, as server-sent events. */
export function liveRoutes(api: Api, { desk, guard }: LiveParts): void {
  const readers = new Set<LiveStream>();
  api.addHook('preClose', (done) => {
    for (const reader of readers) reader.end();
    done();
  });
  const schema = described('live', 'Server-sent events: overview, audit, ping.');
  api.get('/live', { schema }, (request, reply) => {
    if (readers.size >= MOST_READERS) throw tooMany();
    reply.hijack();
    const stream = new LiveStream(reply.raw, headersOf(reply));
    readers.add(stream);
    const { operator } = request;
    const leave = follow(stream, { desk, isIn: () => guard.isIn(operator satisfies Operator) });
    reply.raw.on('error', () => undefined);
    reply.raw.on('close', () => {
      leave();
      readers.delete(stream);
    });
  });
}

/** Until the returned function is called. */
function follow(
  stream: LiveStream,
  { desk: { looker, audit }, isIn }: { desk: OperatorDesk; isIn: () => boolean },
): () => void {
  const { known } = looker;
  if (known.edges.length > 0 || !known.broker.connected) stream.overview(known);
  const ping = setInterval(() => {
    if (isIn()) stream.send('ping', { at: new Date().toISOString() });
    else stream.end();
  }, PING_MS);
  const leave = [
    looker.watch((overview) => stream.overview(overview)),
    audit.watch((row) => stream.send('audit', row)),
    () => clearInterval(ping),
  ];
  return () => leave.forEach((each) => each());
}

/** Those that the app has set so far: an answer that is taken over gets none by itself. */
function headersOf(reply: FastifyReply): Record<string, string> {
  const texts = Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return Object.fromEntries(texts);
}

function tooMany(): ProblemError {
  return new ProblemError({
    status: 503,
    code: 'TOO_MANY_READERS',
    detail: `${MOST_READERS} readers follow already`,
    remedy: 'Close a page of the dashboard, or ask for GET /overview now and then.',
  });
}
