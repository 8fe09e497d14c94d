import {
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { HandlerEntry } from './handler.js';

/** Options of a subscriber. Times in ms. */
export interface SubscriberOptions {
  /** Its name, unique in its database: the positions are kept under it. Renaming it starts over. Required. */
  name: string;
  /** The source that it reads. Required. */
  source: string;
  /** The database that its handlers write to. Required. */
  databaseUrl: string;
  /** The process's NATS connection; the subscriber never closes it. Required. */
  nats: NatsConnection;
  /** What to do with which events: see `on` and `replica`. Events of other types are passed over. Required. */
  handlers: readonly HandlerEntry[];
  /** Most events applied in one transaction. Default 500; more is faster, and redoes more after a failure. */
  batchEvents: number;
  /** How often to look for a stream that does not exist yet, and a stand-by for the leadership. Default 250. */
  pollIntervalMs: number;
  /** Heartbeats say that events are missing, and none came for so long: open the stream anew. Default 3000. */
  stalledAfterMs: number;
  /** First and largest ceiling of the delay before a failed batch is tried again. Defaults 100 and 10,000. */
  retryFirstDelayMs: number;
  retryMaxDelayMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'name' | 'source' | 'databaseUrl' | 'nats' | 'handlers';

export type SubscriberConfig = Pick<SubscriberOptions, RequiredOptions> &
  Partial<Omit<SubscriberOptions, RequiredOptions>>;

const RULES: OptionRules<SubscriberOptions> = {
  name: text(),
  source: text(),
  databaseUrl: text(),
  nats: {
    must: 'an open NATS connection',
    check: (value): value is NatsConnection =>
      typeof value === 'object' && value !== null && 'subscribe' in value,
  },
  handlers: {
    must: 'a list of handlers',
    check: (value): value is readonly HandlerEntry[] => Array.isArray(value),
  },
  batchEvents: wholeNumber(1, 10_000, 500),
  pollIntervalMs: wholeNumber(10, 60_000, 250),
  stalledAfterMs: wholeNumber(100, 600_000, 3000),
  retryFirstDelayMs: wholeNumber(1, 60_000, 100),
  retryMaxDelayMs: wholeNumber(1, 600_000, 10_000),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

export function resolveSubscriberOptions(given: SubscriberConfig): SubscriberOptions {
  return resolveOptions<SubscriberOptions>('subscriber', RULES, given);
}
