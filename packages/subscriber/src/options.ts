import {
  BanyanError,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { HandlerEntry } from './handler.js';
import { isShardOf } from './handler-table.js';
import { Replica } from './replica/replica.js';

/** Options of a subscriber. Times in ms. */
export interface SubscriberOptions {
  /** Its name, unique in its database: the positions are kept under it. Renaming it starts over. Required. */
  name: string;
  /**
   * The sources that it reads. A source that is divided among several databases is several: `projects`, `projects-1`, … ;
   * the handlers of `projects` get the events of all of them. Required.
   */
  sources: readonly string[];
  /** The database that its handlers write to. Required. */
  databaseUrl: string;
  /** The process's NATS connection; the subscriber never closes it. Required. */
  nats: NatsConnection;
  /** What to do with which events: see `on`, `onBatch` and `replica`. Events of other types are passed over. Required. */
  handlers: readonly (HandlerEntry | Replica)[];
  /**
   * How many lanes the partitions of each source are divided among: they are applied side by side, each on a database
   * connection of its own, and shared among the instances. Default 4; the same in all instances. 64 at most.
   */
  lanes: number;
  /** Most events applied in one transaction. Default 500; more is faster, and redoes more after a failure. */
  batchEvents: number;
  /** Events read ahead of a lane's transactions, at most. Default 2000. */
  readAheadEvents: number;
  /** Bytes read ahead of a lane's transactions; reading stops at the event that goes beyond. Default 8 MiB. */
  readAheadBytes: number;
  /** How often instances look at each other's lanes and positions, at due retries, and for a missing stream. Default 250. */
  pollIntervalMs: number;
  /** An instance that has not been heard of for so long loses its lanes; a killed one at once. Default 3000. */
  leaseMs: number;
  /** Heartbeats say that events are missing, and none came for so long: open the stream anew. Default 3000. */
  stalledAfterMs: number;
  /**
   * How long one call of a handler may take. One that takes longer loses its connection, and its event fails; in a batch of
   * `onBatch` halves are tried to find it, each for so long. `stop` waits for no longer either. Default 30,000; more than the
   * slowest handler ever takes, less than a lane may stand still.
   */
  handlerTimeoutMs: number;
  /** First and largest ceiling of the delay before a failed batch is tried again. Defaults 100 and 10,000. */
  retryFirstDelayMs: number;
  retryMaxDelayMs: number;
  /** Attempts to apply an event before its key waits for a person. Default 5; 1 never tries again by itself. */
  maxAttempts: number;
  /** First and largest ceiling of the delay before a parked key is tried again. Defaults 500 and 60,000. */
  parkedFirstDelayMs: number;
  parkedMaxDelayMs: number;
  /** With more parked keys than this the subscriber stops and says so: so many failures are a defect. Default 100. */
  parkedKeysLimit: number;
  /** How long replicas remember what was deleted, for those who hold tokens of it. Default 7 days. */
  tombstonesMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'name' | 'sources' | 'databaseUrl' | 'nats' | 'handlers';

export type SubscriberConfig = Pick<SubscriberOptions, RequiredOptions> &
  Partial<Omit<SubscriberOptions, RequiredOptions>>;

const DAY_MS = 24 * 3_600_000;

const RULES: OptionRules<SubscriberOptions> = {
  name: text(),
  sources: {
    must: 'a list of different names of sources',
    check: (value): value is readonly string[] =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each) => typeof each === 'string' && /^[a-z][a-z0-9_-]*$/.test(each)) &&
      new Set(value).size === value.length,
  },
  databaseUrl: text(),
  nats: {
    must: 'an open NATS connection',
    check: (value): value is NatsConnection =>
      typeof value === 'object' && value !== null && 'subscribe' in value,
  },
  handlers: {
    must: 'a list of handlers and replicas',
    check: (value): value is readonly (HandlerEntry | Replica)[] => Array.isArray(value),
  },
  lanes: wholeNumber(1, 64, 4),
  batchEvents: wholeNumber(1, 10_000, 500),
  readAheadEvents: wholeNumber(1, 100_000, 2000),
  readAheadBytes: wholeNumber(1, 1024 ** 3, 8 * 1024 ** 2),
  pollIntervalMs: wholeNumber(10, 60_000, 250),
  leaseMs: wholeNumber(500, 600_000, 3000),
  stalledAfterMs: wholeNumber(100, 600_000, 3000),
  handlerTimeoutMs: wholeNumber(10, 3_600_000, 30_000),
  retryFirstDelayMs: wholeNumber(1, 60_000, 100),
  retryMaxDelayMs: wholeNumber(1, 600_000, 10_000),
  maxAttempts: wholeNumber(1, 1000, 5),
  parkedFirstDelayMs: wholeNumber(1, 3_600_000, 500),
  parkedMaxDelayMs: wholeNumber(1, DAY_MS, 60_000),
  parkedKeysLimit: wholeNumber(0, 100_000, 100),
  tombstonesMs: wholeNumber(1000, 3650 * DAY_MS, 7 * DAY_MS),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

/** @throws BanyanError BANYAN_OPTION_INVALID, also for a handler of a source that is not read */
export function resolveSubscriberOptions(given: SubscriberConfig): SubscriberOptions {
  const options = resolveOptions<SubscriberOptions>('subscriber', RULES, given);
  for (const { source, type } of entriesOf(options.handlers)) {
    if (options.sources.some((each) => isShardOf(each, source))) continue;
    throw new BanyanError(
      'BANYAN_OPTION_INVALID',
      `subscriber ${options.name} has a handler for ${type} of ${source}, and reads ${options.sources.join(', ')} only`,
    );
  }
  return options;
}

export function entriesOf(handlers: SubscriberOptions['handlers']): HandlerEntry[] {
  return handlers.flatMap((each) => (each instanceof Replica ? [...each.handlers] : [each]));
}

export function replicasOf(handlers: SubscriberOptions['handlers']): Replica[] {
  return handlers.filter((each) => each instanceof Replica);
}
