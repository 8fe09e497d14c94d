import type { TaskAnswer } from './task-answer.js';

/** The header of a snapshot: the id of the backfill that emitted it. Other events have none. */
export const BACKFILL_HEADER = 'banyan-backfill';

/** Core NATS subject on which the processes of a source take `BackfillTask`s. Restrict it to operators and subscribers. */
export function backfillSubjectOf(source: string): string {
  return `banyan.backfill.${source}`;
}

/** What may be asked. Answered with a `BackfillReport` of the aggregate's last backfill, after the change. */
export type BackfillTask =
  | {
      do: 'start';
      aggregate: string;
      by: string;
      /** Default: as the source says. */
      rowsPerSecond?: number;
      /** A UUID, for those who must know it before. If one with it exists, that is reported and nothing started. */
      id?: string;
    }
  | { do: 'status' | 'pause' | 'resume' | 'cancel'; aggregate: string; by: string };

export type BackfillState = 'running' | 'paused' | 'done' | 'failed' | 'cancelled';

/** Where a backfill stands. Times in ISO 8601, by the source database's clock. */
export interface BackfillReport {
  id: string;
  source: string;
  aggregate: string;
  state: BackfillState;
  /** True if the request made it, rather than finding it. */
  started: boolean;
  /** Transactions from before the request whose end it waits for before it emits anything. */
  waitsFor: BackfillWait[];
  /** Rows so far: exactly one snapshot each. */
  emitted: number;
  /** Rows there are, by the planner's statistics; absent without any. */
  estimated?: number;
  /** The limit that was asked for. */
  rowsPerSecond: number;
  /** Why it is slower than that at present. */
  slowedBy?: string;
  requestedBy: string;
  requestedAt: string;
  begunAt?: string;
  updatedAt: string;
  endedAt?: string;
  /** What went wrong last; it stopped at that only if it failed. */
  lastError?: string;
  /** Once it is done and all of it is in the stream: where each shard's stream held the last of it. */
  end?: BackfillEnd[];
}

export interface BackfillWait {
  /** The database's process; absent for a prepared transaction. */
  pid?: number;
  application: string;
  ageMs?: number;
}

/** Who has applied these positions has applied the whole backfill. */
export interface BackfillEnd {
  /** The shard, as a source. */
  source: string;
  epoch: number;
  /** The last n of each partition, 64 numbers; 0 where nothing was published. */
  heads: number[];
}

export type BackfillAnswer = TaskAnswer<BackfillReport>;
