// The code of docs/edges/streams.md: `npm run docs` copies the regions into the page.
import type { MethodDefinition } from '@grpc/grpc-js';
import type { StageWatch } from '@banyan/control';
import { streamEdge, type StreamEdge } from '@banyan/edge';

export interface Watched {
  teamId: string;
}
export interface Row {
  id: string;
  version: number;
}

export interface Rows {
  /** Yields rows in the provider's order, and closes its cursor in `finally`. */
  ofTeam: (id: string, signal: AbortSignal) => AsyncIterable<Row>;
  freshness: () => { asOfMs: number | undefined };
}

export function streaming(
  stages: StageWatch,
  method: MethodDefinition<Watched, Row>,
  rows: Rows,
): StreamEdge<Watched, Row> {
  // #region edge
  const edge = streamEdge({
    edge: 'tasks -> projects.ListAll',
    method,
    stages,
    replica: {
      read: ({ teamId }, { signal }) => rows.ofTeam(teamId, signal),
      freshness: () => rows.freshness(),
    },
    budget: { stalenessMs: 5_000 },
    tokens: { shows: ({ id, version }) => [{ key: `project/${id}`, version }] },
    sideEffectFree: true, // or declare the method NO_SIDE_EFFECTS
  });
  // new ProjectsServiceClient(address, credentials, { interceptors: [edge.interceptor] })
  // #endregion
  return edge;
}
