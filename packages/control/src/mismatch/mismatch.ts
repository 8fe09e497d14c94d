import { createHash } from 'node:crypto';
import type { ComparisonOutcome, FieldDifference } from '../report.js';
import type { QueryStage } from '../stage.js';

/** What one side said, redacted. */
export type ToldAnswer =
  | { kind: 'found'; message: unknown }
  | { kind: 'not-found' }
  /** With a status of gRPC, or a reason of the replica's. */
  | { kind: 'refused' | 'failed'; because: string };

/** A counterexample: a comparison that did not end equal, with what is needed to understand it and to ask again. */
export interface Mismatch {
  id: string;
  edge: string;
  outcome: ComparisonOutcome;
  /** The same for every mismatch of one outcome in the same fields. */
  group: string;
  /** When it was seen, ISO 8601. */
  at: string;
  stage: QueryStage;
  change: number;
  changeId: string;
  /** Of the provider's answer; null: it has none. */
  version: number | null;
  differences: FieldDifference[];
  note?: string;
  /** In JSON, redacted, as the answers are. */
  request: unknown;
  provider: ToldAnswer;
  replica: ToldAnswer;
  /** The request as it goes over the wire, in base64; absent if anything in it is sensitive, or it is large. */
  requestBytes?: string;
}

/** Of all that differ in the same way, whatever the items and keys. */
export function groupOf(outcome: ComparisonOutcome, patterns: readonly string[]): string {
  return createHash('sha256')
    .update([outcome, ...patterns].join('\n'))
    .digest('hex')
    .slice(0, 12);
}

/** Reads a stored mismatch; undefined for anything else. */
export function decodeMismatch(data: string): Mismatch | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isMismatch(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isMismatch(value: unknown): value is Mismatch {
  if (typeof value !== 'object' || value === null) return false;
  const { id, edge, outcome, group, at, differences, provider, replica } = value as Record<string, unknown>;
  const texts = [id, edge, outcome, group, at].every((text) => typeof text === 'string');
  return texts && Array.isArray(differences) && [provider, replica].every((side) => typeof side === 'object');
}
