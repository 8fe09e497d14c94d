import type { ErrorCode } from '@banyan/runtime';

/** What a lane of a source does. */
export interface LaneStatus {
  source: string;
  lane: number;
  state: 'down' | 'waiting' | 'reading' | 'halted';
  /** Why it is down or halted; undefined otherwise. */
  because: string | undefined;
  code: ErrorCode | undefined;
  /** Partitions that cannot go on, and why; all others do. */
  stopped: readonly { partition: number; because: string; code: ErrorCode; remedy: string }[];
}
