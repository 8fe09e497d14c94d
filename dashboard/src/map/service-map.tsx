import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { live } from '../live/live.js';
import { isNarrow } from '../ui/media.js';
import type { EdgeOverview, Overview } from '../wire.js';
import { layoutOf, type PlacedEdge } from './layout.js';
import { MapEdge } from './map-edge.js';
import { MapLine } from './map-line.js';
import { MapNode, serviceState } from './map-node.js';
import { NARROW, WIDE } from './map-sizes.js';

interface Drawn {
  placed: PlacedEdge;
  edge: EdgeOverview;
  /** Its place in the list below. */
  at: number;
}

/** The services and every edge between them. Places change only with the names, not with what is told of them. */
export function ServiceMap({ overview }: { overview: Overview }) {
  const pointed = useSignal<string | null>(null);
  const names = overview.edges.map(({ edge }) => edge);
  const sizes = isNarrow.value ? NARROW : WIDE;
  // A phone has no room for services that no edge joins.
  const services = isNarrow.value ? [] : overview.services.map(({ name }) => name);
  const layout = useMemo(() => layoutOf(services, names, sizes), [services.join(), names.join(), sizes]);
  const drawn = drawnEdges(layout.edges, overview.edges);
  const { traffic } = live.value;
  return (
    <svg
      class="map"
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      style={{ maxWidth: `${layout.width * 1.15}px` }}
      role="group"
      aria-label="Services and the edges between them"
    >
      <Ends />
      {drawn.map(({ placed, edge }) => (
        <MapLine
          key={edge.edge}
          {...{ edge, placed, direction: sizes.direction }}
          traffic={traffic.get(edge.edge)}
          lit={pointed.value === edge.edge}
        />
      ))}
      {[...layout.nodes].map(([name, box]) => (
        <MapNode key={name} box={box} state={serviceState(name, overview)} />
      ))}
      {drawn.map(({ placed, edge, at }) => (
        <MapEdge
          key={edge.edge}
          {...{ edge, placed }}
          traffic={traffic.get(edge.edge)}
          number={isNarrow.value ? at + 1 : null}
          onPoint={(name) => {
            pointed.value = name;
          }}
        />
      ))}
    </svg>
  );
}

function drawnEdges(placed: readonly PlacedEdge[], edges: readonly EdgeOverview[]): Drawn[] {
  return edges.flatMap((edge, at) => {
    const place = placed.find((each) => each.edge === edge.edge);
    return place === undefined ? [] : [{ placed: place, edge, at }];
  });
}

/** How edges end: a query open, a reaction filled, one that is retired with a bar. */
function Ends() {
  const common = {
    viewBox: '0 0 10 10',
    refX: 8.5,
    refY: 5,
    markerWidth: 13,
    markerHeight: 13,
    markerUnits: 'userSpaceOnUse',
    orient: 'auto',
  } as const;
  return (
    <defs>
      <marker id="end-query" {...common}>
        <path class="end-open" d="M2 1.5 8.5 5 2 8.5" />
      </marker>
      <marker id="end-reaction" {...common}>
        <path class="end-filled" d="M1.5 1 9 5 1.5 9Z" />
      </marker>
      <marker id="end-retired" {...common}>
        <path class="end-open" d="M8 1v8" />
      </marker>
    </defs>
  );
}
