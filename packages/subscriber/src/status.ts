import type { ErrorCode } from '@banyan/runtime';
import type { LaneStatus } from './lanes/lane-status.js';
import type { ApplyCounts } from './lanes/lane-transaction.js';

/**
 * - starting: not yet known which lanes it has
 * - running: has lanes
 * - standby: other instances have all lanes
 * - down: its database cannot be reached; it tries again
 * - halted: too many keys are parked; it applies nothing but their retries
 * - stopped: by `stop`, or not started
 */
export type SubscriberState = 'starting' | 'running' | 'standby' | 'down' | 'halted' | 'stopped';

/** What this process does of one source. */
export interface SourceStatus extends ApplyCounts {
  source: string;
  lanes: readonly LaneStatus[];
  /** Instances that take part, this one among them. */
  instances: number;
  /** Highest position applied by any instance (the n of it); 0 before the first. */
  lastN: number;
  /** Positions between the newest that was heard of and the oldest that a partition lacks; undefined: nothing was heard. */
  lagPositions: number | undefined;
  /** Keys whose events wait. */
  parkedKeys: number;
}

export interface SubscriberStatus extends ApplyCounts {
  name: string;
  /** Names this process among the instances. */
  instance: string;
  state: SubscriberState;
  /** Why it is down or halted; undefined otherwise. */
  because: string | undefined;
  code: ErrorCode | undefined;
  sources: readonly SourceStatus[];
  /** How often a row's version went down, by the replica's table. */
  versionInversions: Readonly<Record<string, number>>;
}
