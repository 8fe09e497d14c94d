import { isQueryStage, type QueryStage } from './stage.js';

/** One change of an edge's stage, as it lies in the bucket and in each process's state file. */
export interface StageRecord {
  /** Canonical text of the edge. */
  edge: string;
  kind: 'query';
  stage: QueryStage;
  /**
   * The edge's own count of changes, from 1. Not the bucket's revision: a broker that lost data hands out the same
   * revisions again.
   */
  change: number;
  /** Tells two changes of the same number apart, should a broker have lost one of them. */
  changeId: string;
  by: string;
  why: string;
  /** When, ISO 8601. */
  at: string;
  from: QueryStage;
  /** What was known of the edge when it was changed: the gate's verdict. */
  evidence?: unknown;
  /** Set when the gate did not pass and the change was made all the same; `why` is the reason given. */
  forced?: true;
}

export function encodeRecord(record: StageRecord): string {
  return JSON.stringify(record);
}

/** Reads a record; undefined for anything that is none, a stage of a later version included. */
export function decodeRecord(data: string): StageRecord | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is StageRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { edge, kind, stage, change, changeId, by, why, at, from } = value as Record<string, unknown>;
  const texts = [edge, changeId, by, why, at].every((text) => typeof text === 'string');
  const counted = Number.isSafeInteger(change) && (change as number) > 0;
  return texts && counted && kind === 'query' && isQueryStage(stage) && isQueryStage(from);
}
