import type { ReactionEvidence, ReactionOverview, ReactionReading } from '@banyan/control';
import { section, table } from './table.js';

/** What the table of all edges shows of a reaction: its calls; it has no answers to compare. */
export function reactionFigures({ evidence, changeId, reading }: ReactionOverview): (string | number)[] {
  const latest = evidence.find((each) => each.changeId === changeId);
  const calls = latest === undefined ? 0 : latest.calls.ok + latest.calls.failed;
  return [calls, '-', '-', '-', '-', '-', showReading(reading)];
}

/** How far the receiver's subscriber is. */
export function showReading(reading: ReactionReading | null): string {
  if (reading === null) return '-';
  const parked = reading.parkedKeys > 0 ? `, ${reading.parkedKeys} keys parked` : '';
  return reading.stalenessMs === null ? 'never started' : `${reading.stalenessMs} ms behind${parked}`;
}

export function reactionSections({ evidence, withoutId }: ReactionOverview): string[] {
  const strangers = withoutId.map(
    ({ caller, calls, lastAt }) => `${caller}: ${calls}, the last at ${lastAt}`,
  );
  return [
    ...section('Effects, by change', showReactions(evidence)),
    ...section('Calls without an event id', strangers),
  ];
}

function showReactions(evidence: readonly ReactionEvidence[]): string[] {
  if (evidence.length === 0) return [];
  const header = [
    'CHANGE',
    'STAGE',
    'EMITTED',
    'CALLS OK',
    'FAILED',
    'BY CALL',
    'BY EVENT',
    'REFUSED',
    'SECOND CALLS',
    'SECOND EVENTS',
    'LEFT TO CALL',
    'UNSTAMPED',
    'NO ID',
    'TOO OLD',
    'TOO EARLY',
  ];
  const rows = evidence.map(({ change, stage, emitted, calls, counts }) => [
    ...[change, stage, emitted, calls.ok, calls.failed],
    ...[counts.byCall, counts.byEvent, counts.refused, counts.repeatedCalls, counts.repeatedEvents],
    ...[counts.leftToCall, counts.unstamped],
    ...[counts.refusedWithoutId, counts.refusedTooOld, counts.refusedTooEarly],
  ]);
  return table(header, rows);
}
