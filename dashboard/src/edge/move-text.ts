import type { EdgeOverview, Stage } from '../wire.js';
import { STAGE_MEANING } from './edge-text.js';

/** What will be different once an edge has gone to a stage, a line each. */
export function consequencesOf(
  { kind, rampBy, processes }: EdgeOverview,
  to: Stage,
  share: number | null,
): string[] {
  const who = `${processes.length === 1 ? 'Its one process runs' : `All ${processes.length} processes run`} it within moments of each other.`;
  return [
    STAGE_MEANING[kind][to] ?? '',
    share === null
      ? who
      : `Only ${share} % of the ${rampBy ?? 'key'}s: the other keys, and calls without one, stay where they are.`,
    'What was measured so far no longer counts: evidence begins anew with the change.',
    ...(TRAPS[kind][to] ?? []),
  ];
}

/** What a person should know beforehand; see docs/edges.md. */
const TRAPS: Readonly<Record<EdgeOverview['kind'], Partial<Record<Stage, readonly string[]>>>> = {
  query: {
    replica: ['Nothing is compared any more, and nobody stands in for the replica.'],
    retired: ['A caller that still calls meets a tombstone.'],
  },
  reaction: {
    dual: ['Calls without an event id are refused from now on.'],
    event: ['The effect comes after the answer: nobody who waits for the answer may count on it.'],
  },
};

/** Reads a share as it was typed, in percent; null: all keys. undefined: it is none. */
export function shareIn(typed: string): number | null | undefined {
  if (typed.trim() === '') return null;
  const share = Number(typed);
  if (!(share > 0) || share > 100 || Math.abs(share * 100 - Math.round(share * 100)) > 1e-6) return undefined;
  return share === 100 ? null : share;
}
