import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { WebSocket } from '@fastify/websocket';
import { ProblemError } from '../problem/problem.js';
import { parseResource } from './resource.js';
import { EventStreamSink } from './event-stream-sink.js';
import type { LiveHub } from './live-hub.js';
import type { LiveOptions } from './live-options.js';
import { WebSocketSink } from './web-socket-sink.js';

const tags = ['live'];
const Key = Type.Optional(
  Type.String({ maxLength: 100, description: 'By which the flag decides, where it is ramped.' }),
);
const ForSocket = Type.Object({ key: Key }, { additionalProperties: false });
const Resource = Type.String({ maxLength: 400 });
const ForEvents = Type.Object(
  {
    key: Key,
    resource: Type.Union([Resource, Type.Array(Resource, { minItems: 1 })]),
    from: Type.Optional(
      Type.String({ maxLength: 400, description: 'As Last-Event-ID: tasks:1.42,projects:1.7' }),
    ),
  },
  { additionalProperties: false },
);

interface SocketQuery {
  key?: string;
}

interface EventsQuery extends SocketQuery {
  resource: string | string[];
  from?: string;
}

/** `/live` as a WebSocket, or in words without an upgrade; `/live/events` as server-sent events. See docs/live.md. */
export async function liveRoutes(app: FastifyInstance, hub: LiveHub, options: LiveOptions): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: options.maxFrameBytes, perMessageDeflate: false },
    // The hub says good-bye first.
    preClose: (done) => done(),
  });
  app.route<{ Querystring: SocketQuery }>({
    ...{ method: 'GET', url: '/live', schema: { tags, querystring: ForSocket } },
    preValidation: (request, _reply, done) => {
      if (request.ws) hub.refuseIfFull();
      done();
    },
    handler: ({ query }) => ({ mode: hub.modes.of(query.key), pollMs: options.pollMs, ...hub.status }),
    wsHandler: (socket, request) => serveSocket(hub, socket, request),
  });
  app.get<{ Querystring: EventsQuery }>(
    '/live/events',
    { schema: { tags, querystring: ForEvents } },
    (request, reply) => serveEvents({ hub, options }, request, reply),
  );
}

function serveSocket(
  hub: LiveHub,
  socket: WebSocket,
  request: FastifyRequest<{ Querystring: SocketQuery }>,
): void {
  // What is wrong with a socket closes it.
  socket.on('error', () => undefined);
  const client = hub.join({ sink: new WebSocketSink(socket), who: request.who, key: request.query.key });
  if (client === undefined) return;
  socket.on('message', (data: Buffer, isBinary) => client.receive(isBinary ? '' : data.toString()));
  socket.on('close', () => hub.leave(client));
}

async function serveEvents(
  { hub, options }: { hub: LiveHub; options: LiveOptions },
  request: FastifyRequest<{ Querystring: EventsQuery }>,
  reply: FastifyReply,
): Promise<void> {
  hub.refuseIfFull();
  const { query, raw } = request;
  const resources = [query.resource].flat();
  if (resources.length > options.maxSubscriptions) throw tooMany(options.maxSubscriptions);
  const places = readPlaces(request.headers['last-event-id']?.toString() ?? query.from ?? '');
  reply.hijack();
  const response = reply.raw;
  for (const [name, value] of Object.entries(reply.getHeaders())) response.setHeader(name, value ?? '');
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const client = hub.join({ sink: new EventStreamSink(response), who: request.who, key: query.key });
  if (client === undefined) return;
  raw.socket.setNoDelay(true);
  response.on('close', () => hub.leave(client));
  for (const resource of resources)
    await client.subscribe({ id: resource, resource, ...fromOf(resource, places) });
}

/** Reads `tasks:1.42,projects:1.7`. What is no such thing is left out, and its resources are read anew. */
function readPlaces(written: string): Map<string, string> {
  const parts = written.split(',').map((part) => part.split(':'));
  return new Map(parts.flatMap(([source, at]) => (source && at ? [[source, at] as const] : [])));
}

function fromOf(resource: string, places: ReadonlyMap<string, string>): { from?: string } {
  const from = places.get(parseResource(resource)?.source ?? '');
  return from === undefined ? {} : { from };
}

function tooMany(most: number): ProblemError {
  return new ProblemError({
    ...{ status: 400, code: 'TOO_MANY_SUBSCRIPTIONS', detail: `a client may watch ${most} resources` },
    remedy: 'Watch lists in place of their items, or open a WebSocket.',
  });
}
