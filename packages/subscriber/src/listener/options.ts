import {
  BanyanError,
  resolveOptions,
  silentLogger,
  wholeNumber,
  oneOf,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { isShardOf } from '../handler-table.js';
import type { ListenerContext, ListenerEntry } from './listen-to.js';

/** Options of a listener. Times in ms. */
export interface ListenerOptions {
  /**
   * Its name: letters, digits, - and _. The broker remembers under it, per stream, what was handled. Order is kept by one
   * process of a name at a time; several share the events out, and their order is lost. Required.
   */
  name: string;
  /** The process's NATS connection; the listener never closes it. Required. */
  nats: NatsConnection;
  /** The sources that it hears of; shards are sources: `projects`, `projects-1`. Each must have a handler. Required. */
  sources: readonly string[];
  /** What to do at which events: see `listenTo`. The broker sends no others. Required. */
  handlers: readonly ListenerEntry[];
  /**
   * Where a listener that the broker does not know yet begins: at events that come from `new` on (default), or at the
   * `beginning` of what the stream still holds.
   */
  startAt: 'new' | 'beginning';
  /** Keys that are handled side by side. Default 16. */
  concurrency: number;
  /** Events that are read and not handled yet, at most; those that wait behind a failing one of their key count. Default 1000. */
  maxUnhandled: number;
  /** Attempts to handle an event before it is given up. Default 5. */
  maxAttempts: number;
  /** First and largest ceiling of the delay before an event is tried again. Defaults 100 and 10,000. */
  retryFirstDelayMs: number;
  retryMaxDelayMs: number;
  /** When a process is killed, what it had read comes again after so long; until then the next one waits. Default 5000. */
  ackWaitMs: number;
  /** How long `stop` waits for handlers that run. Default 10,000. */
  drainMs: number;
  /** How often a missing stream is looked for. Default 500. */
  pollIntervalMs: number;
  /** Told of each event that was given up, after the last attempt. What it throws is logged. Default: nothing. */
  onGivenUp: (context: ListenerContext, error: unknown) => void;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'name' | 'nats' | 'sources' | 'handlers';

export type ListenerConfig = Pick<ListenerOptions, RequiredOptions> &
  Partial<Omit<ListenerOptions, RequiredOptions>>;

const RULES: OptionRules<ListenerOptions> = {
  name: {
    must: 'a name of letters, digits, - and _, up to 64 of them',
    check: (value): value is string => typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value),
  },
  nats: {
    must: 'an open NATS connection',
    check: (value): value is NatsConnection =>
      typeof value === 'object' && value !== null && 'subscribe' in value,
  },
  sources: {
    must: 'a list of different names of sources',
    check: (value): value is readonly string[] =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each) => typeof each === 'string' && /^[a-z][a-z0-9_-]*$/.test(each)) &&
      new Set(value).size === value.length,
  },
  handlers: {
    must: 'a list of what `listenTo` makes',
    check: (value): value is readonly ListenerEntry[] => Array.isArray(value),
  },
  startAt: oneOf(['new', 'beginning'], 'new'),
  concurrency: wholeNumber(1, 10_000, 16),
  maxUnhandled: wholeNumber(1, 100_000, 1000),
  maxAttempts: wholeNumber(1, 1000, 5),
  retryFirstDelayMs: wholeNumber(1, 60_000, 100),
  retryMaxDelayMs: wholeNumber(1, 600_000, 10_000),
  ackWaitMs: wholeNumber(300, 3_600_000, 5000),
  drainMs: wholeNumber(0, 3_600_000, 10_000),
  pollIntervalMs: wholeNumber(10, 60_000, 500),
  onGivenUp: {
    fallback: () => undefined,
    must: 'a function',
    check: (value): value is ListenerOptions['onGivenUp'] => typeof value === 'function',
  },
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

/** @throws BanyanError BANYAN_OPTION_INVALID, also for a handler of no source, and for a source without a handler */
export function resolveListenerOptions(given: ListenerConfig): ListenerOptions {
  const options = resolveOptions<ListenerOptions>('listener', RULES, given);
  const { name, sources, handlers } = options;
  for (const { source, type } of handlers) {
    if (!sources.some((each) => isShardOf(each, source)))
      throw invalid(
        `listener ${name} has a handler for ${type} of ${source}, and hears ${sources.join(', ')} only`,
      );
  }
  for (const source of sources) {
    if (!handlers.some((entry) => isShardOf(source, entry.source)))
      throw invalid(`listener ${name} hears ${source}, and has no handler for any event of it`);
  }
  return options;
}

const invalid = (what: string): BanyanError => new BanyanError('BANYAN_OPTION_INVALID', what);
