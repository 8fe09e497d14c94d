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
import { isShardOf } from '../handler-table.js';
import type { MemoryMapping } from './mapping.js';

/** Fills the map from a table that a subscriber keeps, and goes on in the stream where that subscriber stood. */
export interface FillFromTable<V> {
  /** The subscriber's database. */
  databaseUrl: string;
  /** The subscriber that keeps the table. */
  subscriber: string;
  /** Gives the rows, e.g. `select * from project_replica`. It is put into a subquery. */
  sql: string;
  /** Turns a row into an entry: the same value that the mappings make of an event. */
  entryOf: (row: Readonly<Record<string, unknown>>) => readonly [key: string, value: V];
}

/** Options of a replica in memory. Times in ms. */
export interface MemoryReplicaOptions<V> {
  /** What it is called in log lines and errors. Required. */
  name: string;
  /** The process's NATS connection; the replica never closes it. Required. */
  nats: NatsConnection;
  /** The sources that it follows; shards are sources: `projects`, `projects-1`. Required. */
  sources: readonly string[];
  /** What each type of event does to the entry of its aggregate: see `entryFrom` and `removeOn`. Required. */
  mappings: readonly MemoryMapping<V>[];
  /**
   * Where it gets what happened before it started: a table that a subscriber keeps (see `FillFromTable`), or the `stream`, if
   * that still holds everything from the first event on. Required.
   */
  fill: FillFromTable<V> | 'stream';
  /** With more entries than this it stops and says so. Default 100,000. */
  maxEntries: number;
  /** How often a missing stream is looked for. Default 250. */
  pollIntervalMs: number;
  /** Heartbeats say that events are missing, and none came for so long: it fills itself anew. Default 3000. */
  stalledAfterMs: number;
  /** First and largest ceiling of the delay before it fills itself again after a failure. Defaults 100 and 10,000. */
  retryFirstDelayMs: number;
  retryMaxDelayMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'name' | 'nats' | 'sources' | 'mappings' | 'fill';

export type MemoryReplicaConfig<V> = Pick<MemoryReplicaOptions<V>, RequiredOptions> &
  Partial<Omit<MemoryReplicaOptions<V>, RequiredOptions>>;

const rulesOf = <V>(): OptionRules<MemoryReplicaOptions<V>> => ({
  name: text(),
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
  mappings: {
    must: 'a list of what `entryFrom` and `removeOn` make',
    check: (value): value is readonly MemoryMapping<V>[] => Array.isArray(value),
  },
  fill: {
    must: "'stream', or an object with databaseUrl, subscriber, sql and entryOf",
    check: (value): value is FillFromTable<V> | 'stream' =>
      value === 'stream' ||
      (typeof value === 'object' && value !== null && 'entryOf' in value && 'sql' in value),
  },
  maxEntries: wholeNumber(1, 100_000_000, 100_000),
  pollIntervalMs: wholeNumber(10, 60_000, 250),
  stalledAfterMs: wholeNumber(100, 600_000, 3000),
  retryFirstDelayMs: wholeNumber(1, 60_000, 100),
  retryMaxDelayMs: wholeNumber(1, 600_000, 10_000),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
});

/** @throws BanyanError BANYAN_OPTION_INVALID, also for a mapping of a source that is not followed */
export function resolveMemoryOptions<V>(given: MemoryReplicaConfig<V>): MemoryReplicaOptions<V> {
  const options = resolveOptions<MemoryReplicaOptions<V>>('memoryReplica', rulesOf<V>(), given);
  for (const { source, type } of options.mappings) {
    if (options.sources.some((each) => isShardOf(each, source))) continue;
    throw new BanyanError(
      'BANYAN_OPTION_INVALID',
      `replica ${options.name} has a mapping for ${type} of ${source}, and follows ${options.sources.join(', ')} only`,
    );
  }
  return options;
}
