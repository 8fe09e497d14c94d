import type { FlagRecord } from '../flag/flag-record.js';
import { readRecord, storedForm, type StageRecord } from '../stage-record.js';
import type { AuditEntry } from './audit-entry.js';

/** What a change follows: the id of the change that it was decided on, undefined for none. */
type After = string | undefined;

/** The entry of a change of an edge's stage. */
export function entryOfStage(record: StageRecord, after: After): AuditEntry {
  const { edge, kind, change, changeId, by, why, at, from, evidence, forced } = record;
  const { stage: to } = storedForm(record) as { stage: string };
  return {
    ...{ id: changeId, kind: 'edge', about: edge, at, by, why, from, to },
    ...(evidence === undefined ? {} : { evidence }),
    ...(forced === undefined ? {} : { forced }),
    details: { kind, change, after: after ?? null },
  };
}

/** The entry of a change of a flag. */
export function entryOfFlag(
  record: FlagRecord,
  { after, from }: { after: After; from?: string },
): AuditEntry {
  const { flag, change, changeId, by, why, at, value, from: others, share, keys, rampBy } = record;
  const details = { change, after: after ?? null, value, others, share, keys, rampBy };
  const before = from === undefined ? {} : { from };
  return { id: changeId, kind: 'flag', about: flag, at, by, why, ...before, to: flagText(record), details };
}

/** Of an entry of an edge: the record that was to be written; undefined for any other entry. */
export function stageRecordOf(entry: AuditEntry): StageRecord | undefined {
  if (entry.kind !== 'edge') return undefined;
  const { id: changeId, about: edge, at, by, why, from, to: stage, evidence, forced, details } = entry;
  return readRecord({
    ...{ edge, kind: details?.['kind'], stage, change: details?.['change'], changeId, by, why, at, from },
    ...(evidence === undefined ? {} : { evidence }),
    ...(forced === undefined ? {} : { forced }),
  });
}

/** The change that an entry was decided on; undefined: none, or it is no change. */
export function afterOf({ details }: AuditEntry): string | undefined {
  const after = details?.['after'];
  return typeof after === 'string' ? after : undefined;
}

/** `true`, or `true 10 %, else false`. */
export function flagText({
  value,
  from,
  share,
  keys,
}: Pick<FlagRecord, 'value' | 'from' | 'share' | 'keys'>): string {
  if (share === undefined) return String(value);
  const listed = keys === undefined ? '' : ` and ${keys.length} keys`;
  return `${String(value)} ${share} %${listed}, else ${String(from)}`;
}
