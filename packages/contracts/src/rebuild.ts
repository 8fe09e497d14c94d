import type { TaskAnswer } from './task-answer.js';

/** Core NATS subject on which the instances of a subscriber take `RebuildTask`s. Restrict it to operators. */
export function rebuildSubjectOf(subscriber: string): string {
  return `banyan.rebuild.${encodeURIComponent(subscriber).replaceAll('.', '%2E').replaceAll('*', '%2A')}`;
}

/** What may be asked. Answered with a `RebuildReport` of the replica's last rebuild, after the change. */
export type RebuildTask =
  /** `swap`: as soon as it is compared, whatever was found. `dropOld`: and drop the old one then. */
  | { do: 'start' | 'swap'; replica: string; by: string; swap: boolean; dropOld: boolean }
  | { do: 'status' | 'abort'; replica: string; by: string }
  /** Goes over into the newest history of all sources, without a rebuild: for what is kept by other handlers than replicas. */
  | { do: 'accept-epoch'; by: string };

export interface RebuildReport {
  id: string;
  subscriber: string;
  replica: string;
  copy: string;
  /** What the live one is called once it was swapped. */
  old: string;
  oldDropped: boolean;
  state: 'building' | 'ready' | 'swapped' | 'aborted';
  /** What it is at, or waits for. */
  doing?: string;
  comparison?: Comparison;
  lastError?: string;
  requestedBy: string;
  requestedAt: string;
  endedAt?: string;
}

/** What the live table and the copy are to each other, in one snapshot of the database. */
export interface Comparison {
  comparedAt: string;
  live: number;
  copy: number;
  /** Rows that differ, that the live table lacks, and that it has too much. */
  wrong: number;
  missing: number;
  extra: number;
  /** The keys in ranges of about equal size, each with rows and digest of both. */
  ranges: ComparedRange[];
  /** The first of the differing rows, in the order of the key. */
  differences: RowDifference[];
}

export interface ComparedRange {
  /** The first key, and the one before which it ends; null: the first and the last of all. */
  from: string | null;
  to: string | null;
  live: { rows: number; digest: string | null };
  copy: { rows: number; digest: string | null };
}

export interface RowDifference {
  key: string;
  live: Record<string, unknown> | null;
  copy: Record<string, unknown> | null;
}

export type RebuildAnswer = TaskAnswer<RebuildReport | { accepted: { source: string; epoch: number }[] }>;
