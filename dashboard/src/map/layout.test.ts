import { describe, expect, it } from 'vitest';
import { layoutOf, smoothPath, type Box, type Layout, type LayoutSizes } from './layout.js';

const SIZES: LayoutSizes = {
  node: { width: 180, height: 90 },
  labelOf: () => ({ width: 150, height: 40 }),
  direction: 'LR',
  gap: { edges: 20, ranks: 60 },
};

const EDGES = [
  'tasks -> projects.GetProject',
  'tasks -> projects.RecordTaskActivity',
  'projects -> tasks.ArchiveProjectTasks',
  'tasks -> teams.GetMembership',
  'teams -> projects.GetProject',
  'projects -> teams.GetTeam',
  'teams -> tasks.UnassignMember',
];

function overlap(a: Box, b: Box): boolean {
  const apart = (key: 'x' | 'y', size: 'width' | 'height'): boolean =>
    Math.abs(a[key] - b[key]) >= (a[size] + b[size]) / 2 - 0.01;
  return !apart('x', 'width') && !apart('y', 'height');
}

/** Whether a point lies on the border of a box. */
function isOnSide(point: { x: number; y: number }, { x, y, width, height }: Box): boolean {
  const [fromX, fromY] = [Math.abs(point.x - x) - width / 2, Math.abs(point.y - y) - height / 2];
  return Math.abs(Math.max(fromX, fromY)) < 0.01;
}

function inside({ x, y, width, height }: Box, layout: { width: number; height: number }): boolean {
  return (
    x >= width / 2 && y >= height / 2 && x <= layout.width - width / 2 && y <= layout.height - height / 2
  );
}

/** Where edges begin and end along one side of a service, and that side's ends, in order. */
function alongSide(
  { nodes, edges }: Layout,
  name: string,
  { side, across }: { side: 'x' | 'y'; across: 'x' | 'y' },
): number[] {
  const box = nodes.get(name)!;
  const size = { x: box.width, y: box.height };
  const own = edges.flatMap(({ edge, points }) => {
    const [caller, provider] = edge.split(/ -> |\./);
    return [...(caller === name ? [points[0]!] : []), ...(provider === name ? [points.at(-1)!] : [])];
  });
  const there = own.filter((point) => point[side] > box[side]).map((point) => point[across]);
  const [from, to] = [box[across] - size[across] / 2, box[across] + size[across] / 2];
  return [from, ...there.sort((a, b) => a - b), to];
}

describe.each(['LR', 'TB'] as const)('a map drawn %s', (direction) => {
  const layout = layoutOf(['gateway'], EDGES, { ...SIZES, direction });
  const boxes = [...layout.nodes.values(), ...layout.edges.map(({ label }) => label)];

  it('has each service, with edges or without, and each edge, two between the same services too', () => {
    expect([...layout.nodes.keys()].sort()).toEqual(['gateway', 'projects', 'tasks', 'teams']);
    expect(layout.edges.map(({ edge }) => edge).sort()).toEqual([...EDGES].sort());
  });

  it('lets no service and no label cover another, and none leave the picture', () => {
    const pairs = boxes.flatMap((a, i) => boxes.slice(i + 1).map((b) => [a, b] as const));
    expect(pairs.filter(([a, b]) => overlap(a, b))).toEqual([]);
    expect(boxes.filter((box) => !inside(box, layout))).toEqual([]);
  });

  it('leads each edge from its caller’s side through its label to its provider’s', () => {
    for (const { edge, points, label } of layout.edges) {
      const [caller, provider] = edge.split(/ -> |\./);
      expect(isOnSide(points[0]!, layout.nodes.get(caller!)!)).toBe(true);
      expect(isOnSide(points.at(-1)!, layout.nodes.get(provider!)!)).toBe(true);
      expect(points.some(({ x, y }) => Math.hypot(x - label.x, y - label.y) < 1)).toBe(true);
    }
  });

  it('spaces the ends of edges evenly along a service’s side', () => {
    const axes =
      direction === 'LR' ? ({ side: 'x', across: 'y' } as const) : ({ side: 'y', across: 'x' } as const);
    for (const name of ['tasks', 'projects', 'teams']) {
      const places = alongSide(layout, name, axes);
      const gaps = places.slice(1).map((place, i) => place - places[i]!);
      expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThan(0.01);
    }
  });
});

it('the same names give the same places, whatever order they come in', () => {
  const there = layoutOf(['tasks', 'gateway'], EDGES, SIZES);
  const again = layoutOf(['gateway', 'tasks'], EDGES.toReversed(), SIZES);
  expect(again).toEqual(there);
});

it('a map of nothing is empty', () => {
  expect(layoutOf([], [], SIZES)).toMatchObject({ edges: [], nodes: new Map() });
});

it('an edge from a service to itself is placed too', () => {
  const { edges } = layoutOf([], ['tasks -> tasks.GetTask'], SIZES);
  expect(edges[0]?.points.length).toBeGreaterThan(2);
});

describe('a line', () => {
  const points = [
    { x: 0, y: 0 },
    { x: 10, y: 20 },
    { x: 30, y: 20 },
  ];

  it('goes through all of its points, leaving each in the direction of the map', () => {
    expect(smoothPath(points, 'LR')).toBe(
      'M0.0 0.0 C5.0 0.0 5.0 20.0 10.0 20.0 C20.0 20.0 20.0 20.0 30.0 20.0',
    );
    expect(smoothPath(points.slice(0, 2), 'TB')).toBe('M0.0 0.0 C0.0 10.0 10.0 10.0 10.0 20.0');
  });

  it('of fewer than two points is nothing', () => {
    expect(smoothPath(points.slice(0, 1), 'LR')).toBe('');
    expect(smoothPath([], 'LR')).toBe('');
  });
});
