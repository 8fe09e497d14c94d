import type { ServiceDefinition } from '@grpc/grpc-js';
import { BanyanError } from '@banyan/runtime';
import type { CallContext } from './call-context.js';

/**
 * The handlers of a generated service definition, one async method for each of its methods: takes the request and what
 * is known of the call, returns the answer or throws. A class may implement it.
 */
export type UnaryHandlers<D extends ServiceDefinition> = {
  [K in keyof D]: D[K] extends {
    requestDeserialize: (value: Buffer) => infer Request;
    responseSerialize: (value: infer Response) => Buffer;
  }
    ? (request: Request, context: CallContext) => Promise<Response>
    : never;
};

/** Handlers whose types have done their work. */
export interface UnaryService {
  /** Its full name, e.g. `teams.v1.TeamsService`. */
  name: string;
  definition: ServiceDefinition;
  handlers: Readonly<Record<string, (request: unknown, context: CallContext) => Promise<unknown>>>;
}

/**
 * Joins a generated service definition and its handlers.
 *
 * @throws BanyanError BANYAN_OPTION_INVALID if a method streams: only unary methods are hosted
 */
export function unaryService<D extends ServiceDefinition>(
  definition: D,
  handlers: UnaryHandlers<D>,
): UnaryService {
  const methods = Object.values<ServiceDefinition[string]>(definition);
  for (const { path, requestStream, responseStream } of methods) {
    if (!requestStream && !responseStream) continue;
    throw new BanyanError('BANYAN_OPTION_INVALID', `method ${path} streams; only unary methods are hosted`);
  }
  const name = methods[0]?.path.split('/')[1] ?? '';
  return { name, definition, handlers: handlers };
}
