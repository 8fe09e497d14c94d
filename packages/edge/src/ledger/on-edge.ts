import type { InterceptorOptions } from '@grpc/grpc-js';

const ON_EDGE = Symbol('banyan.on-edge');

type MarkedOptions = InterceptorOptions & { [ON_EDGE]?: true };

/** Says to the ledger behind it that a call has come through its edge. grpc-js makes these options anew for each call. */
export function markOnEdge(options: MarkedOptions): void {
  options[ON_EDGE] = true;
}

/** True for what an edge asks on its own account too: such options are copies of its caller's. */
export function isOnEdge(options: MarkedOptions): boolean {
  return options[ON_EDGE] === true;
}
