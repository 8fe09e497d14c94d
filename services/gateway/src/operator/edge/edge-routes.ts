import { parseEdge, QUERY_STAGES, REACTION_STAGES, type Stage } from '@banyan/control';
import { Type } from 'typebox';
import type { Api } from '../../rest/type-provider.js';
import { described } from '../described.js';
import type { OperatorDesk } from '../operator-desk.js';
import { asked } from '../operator-problem.js';
import { Reason } from '../reason.js';
import type { EdgeView, Series, StageMoved } from '../wire.js';
import { advance, back, findEdge } from './edge-moves.js';
import { countsFor, mismatchesOf } from './edge-view.js';

const closed = { additionalProperties: false };
const ByEdge = Type.Object(
  {
    edge: Type.String({
      maxLength: 300,
      description: '`caller -> provider.Method`, or with : for the arrow.',
    }),
  },
  closed,
);
const STAGES: readonly Stage[] = [...new Set<Stage>([...QUERY_STAGES, ...REACTION_STAGES])];
const common = {
  to: Type.Optional(Type.Enum([...STAGES])),
  reason: Reason,
  expectedChange: Type.Integer({ minimum: 0, description: 'The change that was seen; 0: none yet.' }),
};
const Back = Type.Object(common, closed);
const Advance = Type.Object(
  {
    ...common,
    share: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 100, description: 'Percent of the keys.' }),
    ),
    force: Type.Optional(Type.Boolean({ description: 'Although the gate does not pass.' })),
  },
  closed,
);
const Minutes = Type.Object(
  {
    minutes: Type.Optional(
      Type.String({ pattern: '^([1-9]|[12]\\d|30)$', description: '1 to 30; default 15.' }),
    ),
  },
  closed,
);

/** One edge: all that is known of it, and its moves. */
export function edgeRoutes(api: Api, desk: OperatorDesk): void {
  readingRoutes(api, desk);
  const up = {
    ...described('edges', 'Moves it a stage up, if its gate passes.'),
    params: ByEdge,
    body: Advance,
  };
  api.post('/edges/:edge/advance', { schema: up }, (request): Promise<StageMoved> => {
    const { params, body, operator } = request;
    const move = { ...params, by: operator.name, request: body };
    return settled(desk, () => advance(desk.connection, move, desk.termsFor));
  });

  const down = { ...described('edges', 'Moves it down; that needs no gate.'), params: ByEdge, body: Back };
  api.post('/edges/:edge/back', { schema: down }, (request): Promise<StageMoved> => {
    const { params, body, operator } = request;
    return settled(desk, () => back(desk.connection, { ...params, by: operator.name, request: body }));
  });
}

/** Who has moved an edge sees it where it was moved to. */
async function settled(desk: OperatorDesk, move: () => Promise<StageMoved>): Promise<StageMoved> {
  const moved = await asked(move);
  await desk.looker.settle();
  return moved;
}

function readingRoutes(api: Api, desk: OperatorDesk): void {
  const one = { ...described('edges', 'All that is known of an edge.'), params: ByEdge };
  api.get('/edges/:edge', { schema: one }, ({ params }) => asked(() => viewOf(params.edge, desk)));

  const series = {
    ...described('edges', 'What happened on it of late, a point a second.'),
    ...{ params: ByEdge, querystring: Minutes },
  };
  api.get('/edges/:edge/series', { schema: series }, ({ params, query }): Promise<Series> => {
    const fromMs = Date.now() - Number(query.minutes ?? '15') * 60_000;
    return asked(() => Promise.resolve(desk.looker.series.since(parseEdge(params.edge).text, fromMs)));
  });
}

/** What is stored is left out while the broker is away; what was heard last is told. */
async function viewOf(written: string, { looker, audit, broker, termsFor }: OperatorDesk): Promise<EdgeView> {
  const { text } = parseEdge(written);
  const overview = findEdge((await looker.look()).edges, text);
  const { connection } = broker;
  const [rows, mismatches] = await Promise.all([
    audit.rows(),
    connection === undefined ? [] : mismatchesOf(connection, text),
  ]);
  return {
    overview,
    history: rows.filter(({ kind, about }) => kind === 'edge' && about === text).slice(0, 100),
    mismatches,
    series: looker.series.since(text, Date.now() - 15 * 60_000),
    ...countsFor(overview, looker.reports, termsFor(overview).gate),
  };
}
