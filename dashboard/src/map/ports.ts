import { partsOf } from '../edge/edge-text.js';
import type { Box, LayoutSizes, PlacedEdge, Point } from './layout.js';

type Direction = LayoutSizes['direction'];

/** One end of an edge. */
interface End {
  placed: PlacedEdge;
  service: string;
  /** Its index among the edge's points. */
  at: number;
  /** Where the edge leads from there: on which side of the service it is, and where among its neighbours. */
  towards: Point;
  box: Box;
}

/**
 * Lets the edges of one side of a service begin and end evenly along it, in the order of where they lead, so that none cross
 * there and each can be told apart. An edge from a service to itself stays as it is.
 */
export function withPorts(
  edges: readonly PlacedEdge[],
  nodes: ReadonlyMap<string, Box>,
  direction: Direction,
): PlacedEdge[] {
  const moved = new Map(edges.map((placed) => [placed, [...placed.points]]));
  const across = direction === 'LR' ? 'y' : 'x';
  for (const side of sidesOf(edges, nodes, direction)) {
    const sorted = side.toSorted((a, b) => a.towards[across] - b.towards[across]);
    sorted.forEach((end, i) => {
      const points = moved.get(end.placed);
      if (points !== undefined) points[end.at] = portAt(end, (i + 1) / (sorted.length + 1), direction);
    });
  }
  return edges.map((placed) => ({ ...placed, points: moved.get(placed) ?? placed.points }));
}

/** All ends, those of one side of one service together. */
function sidesOf(
  edges: readonly PlacedEdge[],
  nodes: ReadonlyMap<string, Box>,
  direction: Direction,
): Iterable<End[]> {
  const sides = new Map<string, End[]>();
  for (const end of edges.flatMap((placed) => endsOf(placed, nodes))) {
    const side = `${end.service} ${isAfter(end, direction)}`;
    sides.set(side, [...(sides.get(side) ?? []), end]);
  }
  return sides.values();
}

function endsOf(placed: PlacedEdge, nodes: ReadonlyMap<string, Box>): End[] {
  const { caller, provider } = partsOf(placed.edge);
  const last = placed.points.length - 1;
  if (caller === provider || last < 2) return [];
  return [
    { service: caller, at: 0, towards: placed.points[1] },
    { service: provider, at: last, towards: placed.points[last - 1] },
  ].flatMap(({ service, at, towards }) => {
    const box = nodes.get(service);
    return box === undefined || towards === undefined ? [] : [{ placed, service, at, towards, box }];
  });
}

const isAfter = ({ towards, box }: End, direction: Direction): boolean =>
  direction === 'LR' ? towards.x > box.x : towards.y > box.y;

function portAt(end: End, share: number, direction: Direction): Point {
  const { x, y, width, height } = end.box;
  const side = isAfter(end, direction) ? 0.5 : -0.5;
  return direction === 'LR'
    ? { x: x + side * width, y: y + (share - 0.5) * height }
    : { x: x + (share - 0.5) * width, y: y + side * height };
}
