import type { ServerInterceptor } from '@grpc/grpc-js';
import {
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRule,
} from '@banyan/runtime';
import type { Shown } from '@banyan/edge/tokens';
import type { Check } from './health.js';
import type { UnaryService } from './unary-service.js';

/** What `serve` is given. */
export interface HostOptions {
  /** The service's short name, e.g. `teams`: the domain of its error reasons. */
  name: string;
  /** host:port to listen on. Port 0 takes a free one. Default: `127.0.0.1:0`. */
  address?: string;
  /** What is served; see `unaryService`. */
  services: readonly UnaryService[];
  /** Run around each call, the first one outermost; for example those of tombstones. Default: none. */
  interceptors?: readonly ServerInterceptor[];
  /** What must hold for the server to call itself healthy, by name. Asked every 2 s. Default: nothing. */
  checks?: Readonly<Record<string, Check>>;
  /** A serialised google.protobuf.FileDescriptorSet for server reflection. Default: empty, no reflection. */
  descriptors?: Uint8Array;
  /** Which versions answers show, so that their readers are never given older ones: see `shows` of @banyan/edge. Default: none. */
  shows?: readonly Shown[];
  /** Time for a call that brings no deadline, in ms. Default: 10000. */
  defaultDeadlineMs?: number;
  /** How long `stop` waits for calls under way, in ms. More than the default deadline makes no sense. Default: 5000. */
  drainMs?: number;
  /** What is closed once no call is under way, in this order. Default: nothing. */
  onStop?: readonly (() => Promise<void>)[];
  /** Default: silent. Each call is logged at debug, refusals by the rules no higher. */
  logger?: Logger;
}

export function resolveHostOptions(given: HostOptions): Required<HostOptions> {
  return resolveOptions<HostOptions>(
    'service-host',
    {
      name: text(),
      address: {
        fallback: '127.0.0.1:0',
        must: 'host:port',
        check: (value): value is string => typeof value === 'string' && /^.+:\d{1,5}$/.test(value),
      },
      services: listOf('services made by unaryService', 1),
      interceptors: listOf('server interceptors', 0, []),
      checks: objectRule('functions by name', {}),
      descriptors: objectRule('a Uint8Array', new Uint8Array()),
      shows: listOf('declarations made by shows', 0, []),
      defaultDeadlineMs: wholeNumber(1, 3_600_000, 10_000),
      drainMs: wholeNumber(0, 3_600_000, 5_000),
      onStop: listOf('async functions', 0, []),
      logger: objectRule('a Logger', silentLogger),
    },
    given,
  );
}

function listOf<T>(what: string, min: number, fallback?: readonly T[]): OptionRule<readonly T[]> {
  return {
    ...(fallback === undefined ? {} : { fallback }),
    must: `a list of ${min === 0 ? '' : `at least ${min} of `}${what}`,
    check: (value): value is readonly T[] => Array.isArray(value) && value.length >= min,
  };
}

function objectRule<T extends object>(must: string, fallback: T): OptionRule<T> {
  return { fallback, must, check: (value): value is T => typeof value === 'object' && value !== null };
}
