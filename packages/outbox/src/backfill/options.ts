import {
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Snapshots } from './snapshots.js';

/** Options of a backfiller. Times in ms. */
export interface BackfillerOptions {
  /** The source's name, as its relay knows it. Required. */
  source: string;
  /** The source's database; two connections at most. Its role owns the schema `banyan`, or may write to its tables. Required. */
  databaseUrl: string;
  /**
   * The process's NATS connection, or its promise: then the backfiller begins once it is open. It never closes it. Required.
   */
  nats: NatsConnection | Promise<NatsConnection>;
  /** What can be backfilled: see `snapshots`. Required. */
  snapshots: readonly Snapshots[];
  /** Rows a second, where the request names no other limit. Default 2000. */
  rowsPerSecond: number;
  /** How long a chunk's transaction should take: its rows are locked for so long. Default 20. */
  chunkMs: number;
  /** Most rows of a chunk. Default 1000. */
  chunkRows: number;
  /** How long a chunk waits for a row that somebody has locked, before it tries fewer. Default 100. */
  lockTimeoutMs: number;
  /** It pauses while events take longer than this to reach the stream, in any shard. Default 2000. */
  maxRelayLagMs: number;
  /** After so long without a sign of life, another process goes on with what this one began. Default 5000. */
  leaseMs: number;
  /** How often it looks for something to do; a request wakes it at once. Default 1000. */
  pollIntervalMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'source' | 'databaseUrl' | 'nats' | 'snapshots';

export type BackfillerConfig = Pick<BackfillerOptions, RequiredOptions> &
  Partial<Omit<BackfillerOptions, RequiredOptions>>;

const RULES: OptionRules<BackfillerOptions> = {
  source: text(),
  databaseUrl: text(),
  nats: {
    must: 'a NATS connection or a promise of one',
    check: (value): value is NatsConnection | Promise<NatsConnection> =>
      typeof value === 'object' && value !== null && ('subscribe' in value || 'then' in value),
  },
  snapshots: {
    must: 'a list of snapshots of different aggregates',
    check: (value): value is readonly Snapshots[] =>
      Array.isArray(value) && areDifferent(value as Snapshots[]),
  },
  rowsPerSecond: wholeNumber(1, 1_000_000, 2000),
  chunkMs: wholeNumber(1, 10_000, 20),
  chunkRows: wholeNumber(1, 10_000, 1000),
  lockTimeoutMs: wholeNumber(1, 10_000, 100),
  maxRelayLagMs: wholeNumber(1200, 3_600_000, 2000),
  leaseMs: wholeNumber(500, 600_000, 5000),
  pollIntervalMs: wholeNumber(10, 60_000, 1000),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

const areDifferent = (all: readonly Snapshots[]): boolean =>
  all.length > 0 && new Set(all.map(({ aggregate }) => aggregate)).size === all.length;

/** @throws BanyanError BANYAN_OPTION_INVALID */
export function resolveBackfillerOptions(given: BackfillerConfig): BackfillerOptions {
  return resolveOptions<BackfillerOptions>('backfiller', RULES, given);
}
