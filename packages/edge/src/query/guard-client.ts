import { Metadata, type CallOptions, type Client, type Interceptor } from '@grpc/grpc-js';
import { BanyanError } from '@banyan/runtime';
import type { Bypasses } from './bypasses.js';

/** What a guard needs of an edge; a `QueryEdge` is one. */
export interface GuardedEdge {
  readonly interceptor: Interceptor;
  readonly bypasses: Bypasses;
}

type Method = (this: Client, ...args: unknown[]) => unknown;

/**
 * Keeps the calls of a client on their edges. In grpc-js `interceptors` (or `interceptor_providers`) given to one call
 * silently replace those of the client, and with them the edge: a tracing helper that adds its own takes the call past the
 * stage. A guarded client adds the edge's interceptor to such calls, innermost, and counts them as `repaired`; calls of a
 * client that was built without the interceptor are counted as `missed`. Both are logged once, with the call site.
 *
 * @returns the same client, whose methods of these edges have been wrapped
 * @throws BANYAN_OPTION_INVALID if the client has no method of an edge
 */
export function guardClient<C extends Client>(client: C, edges: readonly GuardedEdge[]): C {
  for (const edge of edges) {
    const names = namesOf(client, edge.bypasses.path);
    if (names.length === 0) {
      throw new BanyanError(
        'BANYAN_OPTION_INVALID',
        `guardClient: the client has no method ${edge.bypasses.path}`,
      );
    }
    for (const [name, method] of names) {
      const guarded = guardedMethod(method, edge);
      Object.defineProperty(client, name, { value: Object.assign(guarded, method), configurable: true });
    }
  }
  return client;
}

/** A generated client has each method twice: `getProject` and `GetProject`. */
function namesOf(client: Client, path: string): [name: string, method: Method][] {
  const found: [string, Method][] = [];
  for (const name in client) {
    const value: unknown = Reflect.get(client, name);
    if (isMethod(value) && value.path === path) found.push([name, value]);
  }
  return found;
}

function isMethod(value: unknown): value is Method & { path: unknown } {
  return typeof value === 'function' && 'path' in value;
}

function guardedMethod(method: Method, { interceptor, bypasses }: GuardedEdge): Method {
  return function (this: Client, ...args) {
    const repaired = args.map((arg, index) => (index > 0 ? repairedOptions(arg, interceptor) : arg));
    if (repaired.some((arg, index) => arg !== args[index])) bypasses.repaired();
    const runs = bypasses.runs;
    // Interceptors are run before the method returns.
    const call = method.apply(this, repaired);
    if (bypasses.runs === runs) bypasses.missed();
    return call;
  };
}

/** The options of a call that would go past the edge, with its interceptor; anything else as it is. */
function repairedOptions(arg: unknown, interceptor: Interceptor): unknown {
  if (typeof arg !== 'object' || arg === null || arg instanceof Metadata) return arg;
  const options: CallOptions = arg;
  const { interceptors = [], interceptor_providers: providers = [] } = options;
  if (interceptors.includes(interceptor)) return arg;
  if (interceptors.length > 0) return { ...options, interceptors: [...interceptors, interceptor] };
  if (providers.length === 0) return arg;
  return { ...options, interceptor_providers: [...providers, () => interceptor] };
}
