import { isShare, type Ramp } from './ramp.js';
import type { RecordForm } from './record-file.js';
import { isEdgeKind, isStageOf, type EdgeKind, type Stage } from './stage.js';

/** One change of an edge's stage, as it lies in the bucket and in each process's state file. */
export interface StageRecord {
  /** Canonical text of the edge. */
  edge: string;
  kind: EdgeKind;
  /** One of its kind's. */
  stage: Stage;
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
  /** The stage before; while a share is in force, the one of all other keys, however often the share was changed. */
  from: Stage;
  /** Percent of the keys that run `stage`, below 100; absent: all do. See `Ramp`. */
  share?: number;
  /** What was known of the edge when it was changed: the gate's verdict. */
  evidence?: unknown;
  /** Set when the gate did not pass and the change was made all the same; `why` is the reason given. */
  forced?: true;
}

/** Last known stages on disk, in `stages.json`. */
export const STAGE_FORM: RecordForm<StageRecord> = {
  list: 'stages',
  nameOf: ({ edge }) => edge,
  store: storedForm,
  read: readRecord,
};

export function encodeRecord(record: StageRecord): string {
  return JSON.stringify(storedForm(record));
}

/** Reads a record; undefined for anything that is none, a stage of a later version included. */
export function decodeRecord(data: string): StageRecord | undefined {
  try {
    return readRecord(JSON.parse(data) as unknown);
  } catch {
    return undefined;
  }
}

/**
 * A record as it is stored: the share is written into the stage, as `shadow@12.5`. A version that knows no shares would
 * run the stage for all keys; so it takes the record for unreadable, and holds.
 */
export function storedForm({ share, ...record }: StageRecord): object {
  return share === undefined ? record : { ...record, stage: `${record.stage}@${share}` };
}

/** The record in its stored form, parsed from JSON; undefined for anything that is none. */
export function readRecord(value: unknown): StageRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { stage: written } = value as { stage?: unknown };
  const [stage, percent, ...rest] = typeof written === 'string' ? written.split('@') : [];
  if (rest.length > 0 || percent === '') return undefined;
  const share = percent === undefined ? undefined : Number(percent);
  const record: object = { ...value, stage, ...(share === undefined ? {} : { share }) };
  return isRecord(record) ? record : undefined;
}

function isRecord(value: object): value is StageRecord {
  const { edge, kind, stage, change, changeId, by, why, at, from, share } = value as Record<string, unknown>;
  const texts = [edge, changeId, by, why, at].every((text) => typeof text === 'string');
  const counted = Number.isSafeInteger(change) && (change as number) > 0;
  const shared = share === undefined || isShare(share);
  return texts && counted && shared && isEdgeKind(kind) && isStageOf(kind, stage) && isStageOf(kind, from);
}

/** The ramp that a record stands for; undefined: all keys run its stage. */
export function rampOf<S extends Stage = Stage>(record: {
  from: S;
  share?: number | undefined;
}): Ramp<S> | undefined {
  const { from, share } = record;
  return share === undefined ? undefined : { from, share };
}
