import {
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { IncomingEvent } from '../incoming-event.js';

/** What a tail tells of an event. */
export type TailEvent = Pick<
  IncomingEvent,
  | 'source'
  | 'epoch'
  | 'n'
  | 'sequence'
  | 'aggregate'
  | 'aggregateId'
  | 'type'
  | 'version'
  | 'time'
  | 'payload'
>;

/** Where a tail begins: its first event is the one after. */
export interface TailBeginning {
  /** The epoch and n of the stream's last event; undefined: it holds none. */
  position: { epoch: number; n: number } | undefined;
  /** The stream's last sequence; 0: nothing has ever been in it. */
  sequence: number;
}

/** Options of a source's tail. Times in ms. */
export interface SourceTailOptions {
  /** The process's NATS connection; the tail never closes it. Required. */
  nats: NatsConnection;
  /** The source, or one shard of it: `projects-1`. Required. */
  source: string;
  /**
   * Given the events that come from now on, in order. What it throws, or a gap, makes the tail begin anew: at the stream's
   * end, with `onReset`. Required.
   */
  onEvents: (events: readonly TailEvent[]) => Promise<void> | void;
  /**
   * Called before the first events after each beginning: some may be missing before them, so whatever was derived from
   * events is worth nothing any more. Required.
   */
  onReset: (beginning: TailBeginning) => Promise<void> | void;
  /** Told when everything that the source committed before this (ms since 1970) has been given to `onEvents`. Required. */
  onFresh: (asOfMs: number) => Promise<void> | void;
  /** How often heartbeats are looked at, and a missing stream looked for. Default 100. */
  pollIntervalMs: number;
  /** Heartbeats say that events are missing, and none came for so long: it begins anew. Default 3000. */
  stalledAfterMs: number;
  /** First and largest ceiling of the delay before it begins anew after a failure. Defaults 100 and 5000. */
  retryFirstDelayMs: number;
  retryMaxDelayMs: number;
  /** Where log lines go. Default: nowhere. */
  logger: Logger;
}

type RequiredOptions = 'nats' | 'source' | 'onEvents' | 'onReset' | 'onFresh';

export type SourceTailConfig = Pick<SourceTailOptions, RequiredOptions> &
  Partial<Omit<SourceTailOptions, RequiredOptions>>;

const MUST = 'a function';

const RULES: OptionRules<SourceTailOptions> = {
  nats: {
    must: 'an open NATS connection',
    check: (value): value is NatsConnection =>
      typeof value === 'object' && value !== null && 'subscribe' in value,
  },
  source: text(),
  onEvents: {
    must: MUST,
    check: (value): value is SourceTailOptions['onEvents'] => typeof value === 'function',
  },
  onReset: {
    must: MUST,
    check: (value): value is SourceTailOptions['onReset'] => typeof value === 'function',
  },
  onFresh: {
    must: MUST,
    check: (value): value is SourceTailOptions['onFresh'] => typeof value === 'function',
  },
  pollIntervalMs: wholeNumber(10, 60_000, 100),
  stalledAfterMs: wholeNumber(100, 600_000, 3_000),
  retryFirstDelayMs: wholeNumber(1, 60_000, 100),
  retryMaxDelayMs: wholeNumber(1, 600_000, 5_000),
  logger: {
    fallback: silentLogger,
    must: 'a logger with debug, info, warn and error',
    check: (value): value is Logger => typeof value === 'object' && value !== null && 'warn' in value,
  },
};

/** @throws BanyanError BANYAN_OPTION_INVALID, BANYAN_OPTION_UNKNOWN */
export function resolveTailOptions(given: SourceTailConfig): SourceTailOptions {
  return resolveOptions<SourceTailOptions>('source tail', RULES, given);
}
