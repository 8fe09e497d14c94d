/** Where the page stands; each has an address that can be kept and sent. */
export type Route =
  | { page: 'map' }
  | { page: 'edge'; edge: string }
  | { page: 'relays' }
  | { page: 'subscribers' }
  | { page: 'plan' }
  | { page: 'live' }
  | { page: 'unknown'; path: string };

const PLAIN = ['relays', 'subscribers', 'plan', 'live'] as const;
const EDGE = /^([a-z][a-z0-9_-]*):([a-z][a-z0-9_-]*\.[A-Za-z][A-Za-z0-9_]*)$/;

/** Reads an address's path; an edge is written without spaces there, as `tasks:projects.GetProject`. */
export function routeOf(path: string): Route {
  const [first = '', second, ...rest] = path.split('/').filter((part) => part !== '');
  const plain = PLAIN.find((page) => page === first);
  if (first === '') return { page: 'map' };
  if (plain !== undefined && second === undefined) return { page: plain };
  const edge = first === 'edges' && rest.length === 0 ? edgeOf(second ?? '') : undefined;
  return edge === undefined ? { page: 'unknown', path } : { page: 'edge', edge };
}

/** The path of a place in the page. */
export function pathOf(route: Exclude<Route, { page: 'unknown' }>): string {
  if (route.page === 'edge') return `/edges/${route.edge.replace(' -> ', ':')}`;
  return route.page === 'map' ? '/' : `/${route.page}`;
}

function edgeOf(part: string): string | undefined {
  const [, caller, method] = EDGE.exec(decoded(part)) ?? [];
  return caller === undefined || method === undefined ? undefined : `${caller} -> ${method}`;
}

/** A malformed escape stands for itself, and so for no edge. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
