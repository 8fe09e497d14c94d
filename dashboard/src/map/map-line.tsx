import type { EdgeTraffic } from '../live/edge-traffic.js';
import { goTo } from '../routing/router.js';
import type { EdgeOverview } from '../wire.js';
import { smoothPath, type LayoutSizes, type PlacedEdge } from './layout.js';
import { speedOf } from './speed.js';

export interface MapLineProps {
  edge: EdgeOverview;
  placed: PlacedEdge;
  traffic: EdgeTraffic | undefined;
  direction: LayoutSizes['direction'];
  /** Its label is pointed at. */
  lit: boolean;
}

/** An edge as its stage's line, with what it carries moving along. Below all labels, and for the eye alone: they say the rest. */
export function MapLine({ edge, placed, traffic, direction, lit }: MapLineProps) {
  const path = smoothPath(placed.points, direction);
  const end = edge.stage === 'retired' ? 'retired' : edge.kind;
  return (
    <g
      class={`map-line stage-${edge.stage}${lit ? ' lit' : ''}`}
      aria-hidden="true"
      onClick={() => goTo({ page: 'edge', edge: edge.edge })}
    >
      <path class="edge-reach" d={path} />
      <path class="line" d={path} marker-end={`url(#end-${end})`} />
      <path class="line-inner" d={path} />
      {/* Drawn anew, and so lit up once, with each change. */}
      {edge.change > 0 && <path key={edge.changeId} class="edge-changed" d={path} />}
      {traffic !== undefined && <Flow path={path} edge={edge} traffic={traffic} />}
    </g>
  );
}

/**
 * Dots along the line, the faster the more there is. Once a replica answers, what moves are the provider's events, towards the
 * caller.
 */
function Flow({ path, edge, traffic }: { path: string; edge: EdgeOverview; traffic: EdgeTraffic }) {
  const speed = speedOf(traffic.perSecond);
  if (speed === 0) return null;
  const back = edge.kind === 'query' && (traffic.byEventsShare ?? 0) > 0.5;
  return <path class={`edge-flow speed-${speed}${back ? ' flow-back' : ''}`} d={path} />;
}
