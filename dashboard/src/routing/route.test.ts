import { describe, expect, it } from 'vitest';
import { pathOf, routeOf, type Route } from './route.js';

const PLACES: Exclude<Route, { page: 'unknown' }>[] = [
  { page: 'map' },
  { page: 'relays' },
  { page: 'subscribers' },
  { page: 'plan' },
  { page: 'live' },
  { page: 'edge', edge: 'tasks -> projects.GetProject' },
  { page: 'edge', edge: 'order-desk -> stock_2.Reserve_All' },
];

describe('an address', () => {
  it.each(PLACES)('leads back to the place that it was made of: $page $edge', (place) => {
    expect(routeOf(pathOf(place))).toEqual(place);
  });

  it('needs no escapes for an edge, and understands them', () => {
    expect(pathOf({ page: 'edge', edge: 'tasks -> projects.GetProject' })).toBe(
      '/edges/tasks:projects.GetProject',
    );
    expect(routeOf('/edges/tasks%3Aprojects.GetProject/')).toEqual({
      page: 'edge',
      edge: 'tasks -> projects.GetProject',
    });
  });

  it.each(['/edges', '/edges/x', '/edges/a:b.C/d', '/edges/%', '/relays/1', '/Relays', '/nothing'])(
    'that names nothing is told apart: %s',
    (path) => {
      expect(routeOf(path)).toEqual({ page: 'unknown', path });
    },
  );
});
