import type { TrailEntry } from '@banyan/control';
import { evidenceText } from './show-evidence.js';

/** What was done, oldest first: a line each, with what it was decided on below. */
export function historyLines(entries: readonly TrailEntry[]): string[] {
  if (entries.length === 0) return ['Nothing is recorded.'];
  return entries.flatMap((entry) => [
    lineOf(entry),
    ...evidenceText(entry.evidence).map((line) => `    ${line}`),
  ]);
}

function lineOf({ at, kind, about, by, why, forced, ...rest }: TrailEntry): string {
  const how = forced === true ? ' (forced)' : '';
  const what = kind === 'edge' ? about : `${kind} ${about}`;
  return `${at}  ${what}${stepText(rest)}  by ${by}${how}: ${why}${noteOf(rest)}`;
}

function stepText({ from, to }: Pick<TrailEntry, 'from' | 'to'>): string {
  if (to === undefined) return '';
  return from === undefined ? `  ${to}` : `  ${from} -> ${to}`;
}

/** What a reader must not overlook. */
function noteOf({ outcome, lost }: Pick<TrailEntry, 'outcome' | 'lost'>): string {
  if (lost === true) return '  [the log has no entry of it: from the stage bucket]';
  if (outcome === 'not made') return '  [never came in force]';
  return outcome === 'open' ? '  [not in force yet]' : '';
}
