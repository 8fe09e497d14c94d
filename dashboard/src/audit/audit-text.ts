import type { AuditRow } from '../wire.js';

export const isEdge = (about: string): boolean => about.includes(' -> ');

/** What was done, in words that follow what it was done to. */
export function verbOf({ from, to, kind }: Pick<AuditRow, 'from' | 'to' | 'kind'>): string {
  if (from !== undefined && to !== undefined) return `${stageIn(from)} → ${stageIn(to)}`;
  return stageIn(to ?? kind);
}

/** A share is stored within its stage: `shadow@12.5`. */
const stageIn = (text: string): string => text.replace(/@(\d+(?:\.\d+)?)$/, ' $1 %');
