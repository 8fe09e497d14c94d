import { OUTCOME_TEXT, partsOf, stageText } from '../edge/edge-text.js';
import { percentText, rateText } from '../format/number.js';
import type { EdgeTraffic } from '../live/edge-traffic.js';
import { follow } from '../routing/link.js';
import { pathOf } from '../routing/route.js';
import type { EdgeOverview } from '../wire.js';
import type { PlacedEdge } from './layout.js';
import { LABEL_LETTERS } from './map-sizes.js';

export interface MapEdgeProps {
  edge: EdgeOverview;
  placed: PlacedEdge;
  traffic: EdgeTraffic | undefined;
  /** What it is called in the list below, where there is no room for its name. */
  number: number | null;
  onPoint: (edge: string | null) => void;
}

/** What an edge is, written on its line; leads to its page. */
export function MapEdge({ onPoint, ...parts }: MapEdgeProps) {
  const { edge, number } = parts;
  const place = { page: 'edge', edge: edge.edge } as const;
  return (
    <a
      class={`map-edge stage-${edge.stage}`}
      href={pathOf(place)}
      onClick={(event) => follow(event, place)}
      onMouseEnter={() => onPoint(edge.edge)}
      onMouseLeave={() => onPoint(null)}
      onFocus={() => onPoint(edge.edge)}
      onBlur={() => onPoint(null)}
    >
      {number === null ? <Label {...parts} /> : <Mark {...parts} />}
      <text class="map-words">{spoken(edge, parts.traffic)}</text>
    </a>
  );
}

type LabelProps = Omit<MapEdgeProps, 'onPoint'>;

function Label({ edge, placed: { label }, traffic }: LabelProps) {
  const left = label.x - label.width / 2;
  const top = label.y - label.height / 2;
  return (
    <>
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
      <GateMark edge={edge} x={left + label.width - 14} y={top + 14} />
    </>
  );
}

function Mark({ placed: { label }, number }: LabelProps) {
  return (
    <>
      <rect x={label.x - 14} y={label.y - 12} width={28} height={24} rx={12} />
      <text class="edge-method" x={label.x} y={label.y + 5} text-anchor="middle">
        {number}
      </text>
    </>
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
    <g class={`gate-mark gate-${next.outcome}`} transform={`translate(${x} ${y})`} aria-hidden="true">
      {next.outcome === 'not-enough' && <circle r={5.5} />}
      <path d={`M0 0${MARKS[next.outcome]}`} />
    </g>
  );
}

/** What the picture shows and the label does not say. */
function spoken(edge: EdgeOverview, traffic: EdgeTraffic | undefined): string {
  const { caller, provider, method } = partsOf(edge.edge);
  const parts = [` ${method}, ${edge.kind} edge from ${caller} to ${provider}, at ${stageText(edge)}`];
  if (traffic?.failedShare) parts.push(`${percentText(traffic.failedShare)} fail`);
  if (edge.next !== null) parts.push(`${edge.next.stage}: ${OUTCOME_TEXT[edge.next.outcome]}`);
  return parts.join(', ');
}
