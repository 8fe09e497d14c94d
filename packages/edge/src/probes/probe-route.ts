import { Metadata, type CallOptions, type Client, type MethodDefinition } from '@grpc/grpc-js';
import type { CallRoute } from '../query/provider-call.js';

/** A client of the provider, with the edge's interceptor among its own. */
export type ProbeClient = Pick<Client, 'makeUnaryRequest'>;

/** Marks the one call that is made for its route alone. */
const FINDS_ROUTE = Symbol('finds a route');

const DEADLINE_MS = 2_000;

/** The way that probes go to the provider: that of the last call, or one that is found by a call of our own. */
export class ProbeRoute<Request, Response> {
  readonly #method: MethodDefinition<Request, Response>;
  readonly #client: (() => ProbeClient | undefined) | undefined;
  #last: CallRoute | undefined;

  constructor(
    method: MethodDefinition<Request, Response>,
    client: (() => ProbeClient | undefined) | undefined,
  ) {
    this.#method = method;
    this.#client = client;
  }

  /** Undefined: none is known yet. */
  get last(): CallRoute | undefined {
    return this.#last;
  }

  /** Tells of a call. @returns whether it was made for its route alone, and is to be left alone */
  note(route: CallRoute): boolean {
    this.#last = route;
    return FINDS_ROUTE in route.options;
  }

  /** Asks the provider once, uncounted, to learn the way. Its answer is of no interest. */
  async find(request: Request): Promise<void> {
    const client = this.#client?.();
    if (client === undefined) return;
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const options: CallOptions & { [FINDS_ROUTE]: true } = {
      deadline: Date.now() + DEADLINE_MS,
      [FINDS_ROUTE]: true,
    };
    await new Promise<void>((resolve) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        new Metadata(),
        options,
        () => resolve(),
      );
    });
  }
}
