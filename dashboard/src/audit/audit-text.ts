import type { AuditRow } from '../wire.js';

export const isEdge = (about: string): boolean => about.includes(' -> ');

/** What was done, in words that follow what it was done to. */
export function verbOf({ from, to, kind }: Pick<AuditRow, 'from' | 'to' | 'kind'>): string {
  if (from !== undefined && to !== undefined) return `${from} → ${to}`;
  return to ?? kind;
}
