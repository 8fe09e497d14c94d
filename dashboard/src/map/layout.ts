import { Graph, layout, type EdgeLabel, type GraphLabel, type NodeLabel } from '@dagrejs/dagre';
import { partsOf } from '../edge/edge-text.js';
import { withPorts } from './ports.js';

export interface Point {
  x: number;
  y: number;
}

/** A box by its middle. */
export interface Box extends Point {
  width: number;
  height: number;
}

export interface PlacedEdge {
  edge: string;
  /** From the caller's border to the provider's. */
  points: readonly Point[];
  label: Box;
}

export interface Layout {
  width: number;
  height: number;
  nodes: ReadonlyMap<string, Box>;
  edges: readonly PlacedEdge[];
}

export interface LayoutSizes {
  node: { width: number; height: number };
  labelOf: (edge: string) => { width: number; height: number };
  /** Callers left of providers, or above them. */
  direction: 'LR' | 'TB';
  /** Between edges, and between ranks of services. */
  gap: { edges: number; ranks: number };
}

/**
 * Places services and the edges between them, several of which may join the same two. The same names give the same places,
 * in whatever order they come, so that nothing jumps when a process reports late.
 */
export function layoutOf(services: readonly string[], edges: readonly string[], sizes: LayoutSizes): Layout {
  const graph = new Graph<GraphLabel, NodeLabel, EdgeLabel>({ multigraph: true });
  const { edges: nodesep, ranks: ranksep } = sizes.gap;
  graph.setGraph({ rankdir: sizes.direction, nodesep, edgesep: nodesep, ranksep, marginx: 12, marginy: 12 });
  const ends = edges.map(partsOf);
  const names = new Set([...services, ...ends.flatMap(({ caller, provider }) => [caller, provider])]);
  for (const name of [...names].sort()) graph.setNode(name, { ...sizes.node });
  for (const edge of [...edges].sort()) {
    const { caller, provider } = partsOf(edge);
    graph.setEdge(caller, provider, { ...sizes.labelOf(edge), labelpos: 'c' }, edge);
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const nodes = new Map(graph.nodes().map((name) => [name, boxOf(graph.node(name))]));
  const placed = graph.edges().map((id) => {
    const { points = [], ...label } = graph.edge(id);
    return { edge: id.name ?? '', points, label: boxOf(label) };
  });
  return { width, height, nodes, edges: withPorts(placed, nodes, sizes.direction) };
}

const boxOf = ({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box => ({ x, y, width, height });

/** A line through all of its points, which leaves and reaches each in the map's direction. */
export function smoothPath(points: readonly Point[], direction: LayoutSizes['direction']): string {
  const [first, ...rest] = points;
  if (first === undefined || rest.length === 0) return '';
  const bends = rest.map((to, i) => {
    const from = points[i] ?? first;
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    const [out, back] =
      direction === 'LR'
        ? [
            { x: middle.x, y: from.y },
            { x: middle.x, y: to.y },
          ]
        : [
            { x: from.x, y: middle.y },
            { x: to.x, y: middle.y },
          ];
    return `C${text(out)} ${text(back)} ${text(to)}`;
  });
  return `M${text(first)} ${bends.join(' ')}`;
}

const text = ({ x, y }: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
