import { useMemo } from 'preact/hooks';
import { live } from '../live/live.js';
import { isNarrow } from '../ui/media.js';
import type { Overview } from '../wire.js';
import { layoutOf } from './layout.js';
import { MapEdge } from './map-edge.js';
import { MapNode, serviceState } from './map-node.js';
import { NARROW, WIDE } from './map-sizes.js';

/** The services and every edge between them. Places change only with the names, not with what is told of them. */
export function ServiceMap({ overview }: { overview: Overview }) {
  const names = overview.edges.map(({ edge }) => edge);
  const sizes = isNarrow.value ? NARROW : WIDE;
  // A phone has no room for services that no edge joins.
  const services = isNarrow.value ? [] : overview.services.map(({ name }) => name);
  const layout = useMemo(() => layoutOf(services, names, sizes), [services.join(), names.join(), sizes]);
  return (
    <svg
      class="map"
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      style={{ maxWidth: `${layout.width * 1.15}px` }}
      role="group"
      aria-label="Services and the edges between them"
    >
      <Ends />
      {layout.edges.map((placed) => {
        const at = names.indexOf(placed.edge);
        const edge = overview.edges[at];
        if (edge === undefined) return null;
        const number = isNarrow.value ? { number: at + 1 } : {};
        return (
          <MapEdge
            key={placed.edge}
            edge={edge}
            placed={placed}
            direction={sizes.direction}
            traffic={live.value.traffic.get(placed.edge)}
            {...number}
          />
        );
      })}
      {[...layout.nodes].map(([name, box]) => (
        <MapNode key={name} box={box} state={serviceState(name, overview)} />
      ))}
    </svg>
  );
}

/** How edges end: a query open, a reaction filled, one that is retired with a bar. */
function Ends() {
  const common = {
    viewBox: '0 0 10 10',
    refX: 8.5,
    refY: 5,
    markerWidth: 9,
    markerHeight: 9,
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
