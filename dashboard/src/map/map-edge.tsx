import { OUTCOME_TEXT, partsOf, stageText } from '../edge/edge-text.js';
import { percentText, rateText } from '../format/number.js';
import type { EdgeTraffic } from '../live/edge-traffic.js';
import { follow } from '../routing/link.js';
import { pathOf } from '../routing/route.js';
import type { EdgeOverview } from '../wire.js';
import { LABEL_LETTERS } from './map-sizes.js';
import { smoothPath, type LayoutSizes, type PlacedEdge } from './layout.js';

export interface MapEdgeProps {
  direction: LayoutSizes['direction'];
  edge: EdgeOverview;
  placed: PlacedEdge;
  traffic: EdgeTraffic | undefined;
  /** What it is called in the list below, where there is no room for its name. */
  number?: number;
}

/** An edge as its stage's line, with what it carries moving along, and a label that leads to its page. */
export function MapEdge({ edge, placed, traffic, number, direction }: MapEdgeProps) {
  const place = { page: 'edge', edge: edge.edge } as const;
  const path = smoothPath(placed.points, direction);
  const end = edge.stage === 'retired' ? 'retired' : edge.kind;
  return (
    <a
      class={`map-edge stage-${edge.stage} kind-${edge.kind}`}
      href={pathOf(place)}
      aria-label={spoken(edge, traffic)}
      onClick={(event) => follow(event, place)}
    >
      <path class="edge-reach" d={path} />
      <path class="line" d={path} marker-end={`url(#end-${end})`} />
      <path class="line-inner" d={path} />
      {/* Drawn anew, and so lit up once, with each change. */}
      {edge.change > 0 && <path key={edge.changeId} class="edge-changed" d={path} />}
      {traffic !== undefined && <Flow path={path} edge={edge} traffic={traffic} />}
      {number === undefined ? (
        <Label edge={edge} placed={placed} traffic={traffic} />
      ) : (
        <Mark placed={placed} number={number} />
      )}
    </a>
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

/** From 0, nothing, to 4: from 100 a second on. */
export function speedOf(perSecond: number): 0 | 1 | 2 | 3 | 4 {
  if (perSecond < 0.05) return 0;
  if (perSecond < 2) return 1;
  if (perSecond < 20) return 2;
  return perSecond < 100 ? 3 : 4;
}

function Label({ edge, placed: { label }, traffic }: Omit<MapEdgeProps, 'number' | 'direction'>) {
  const left = label.x - label.width / 2;
  const top = label.y - label.height / 2;
  return (
    <g class="edge-label" aria-hidden="true">
      <rect x={left} y={top} width={label.width} height={label.height} rx={8} />
      <text class="edge-method" x={left + 10} y={top + 19}>
        {shortened(partsOf(edge.edge).method)}
      </text>
      <circle class="edge-stage-dot" cx={left + 14} cy={top + 33} r={4} />
      <text class="edge-stage" x={left + 23} y={top + 37}>
        {stageText(edge)}
      </text>
      <text class="edge-rate" x={left + label.width - 10} y={top + 37} text-anchor="end">
        {traffic === undefined ? '' : rateText(traffic.perSecond)}
      </text>
      <GateMark edge={edge} x={left + label.width - 13} y={top + 14} />
    </g>
  );
}

const shortened = (method: string): string =>
  method.length <= LABEL_LETTERS ? method : `${method.slice(0, LABEL_LETTERS - 1)}…`;

const MARKS = {
  pass: 'm-4 0 3 3 5-6',
  fail: 'm-3.5-3.5 7 7m0-7-7 7',
  'not-enough': 'm0-3.5v3.5l2.5 1.5',
} as const;

/** Whether it may advance; nothing at the top. */
function GateMark({ edge: { next }, x, y }: { edge: EdgeOverview; x: number; y: number }) {
  if (next === null) return null;
  return (
    <g class={`gate-mark gate-${next.outcome}`} transform={`translate(${x} ${y})`}>
      {next.outcome === 'not-enough' && <circle r={5.5} />}
      <path d={`M0 0${MARKS[next.outcome]}`} />
    </g>
  );
}

function Mark({ placed: { label }, number }: { placed: PlacedEdge; number: number }) {
  return (
    <g class="edge-label" aria-hidden="true">
      <rect x={label.x - 14} y={label.y - 12} width={28} height={24} rx={12} />
      <text class="edge-method" x={label.x} y={label.y + 5} text-anchor="middle">
        {number}
      </text>
    </g>
  );
}

/** Begins with what the label shows, so that who speaks to the page can name it. */
function spoken(edge: EdgeOverview, traffic: EdgeTraffic | undefined): string {
  const { caller, provider, method } = partsOf(edge.edge);
  const parts = [method, stageText(edge)];
  if (traffic !== undefined) parts.push(rateText(traffic.perSecond));
  parts.push(`${edge.kind} edge from ${caller} to ${provider}`);
  if (traffic?.failedShare) parts.push(`${percentText(traffic.failedShare)} fail`);
  if (edge.next !== null) parts.push(`${edge.next.stage}: ${OUTCOME_TEXT[edge.next.outcome]}`);
  return parts.join(', ');
}
