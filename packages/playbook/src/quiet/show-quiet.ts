import type { QuietGap, SeenCall } from '@banyan/control';
import { age, ago } from '../table.js';
import type { QuietAnswer } from './ask-quiet.js';

/** The verdict, what it stands on, and what there was before. */
export function showQuiet({ edge, forMs, verdict, earlier }: QuietAnswer, nowMs: number): string[] {
  const before = earlier === null ? [] : earlierLines(earlier, nowMs);
  if (verdict.outcome === 'called')
    return [`${edge} is not quiet:`, ...verdict.calls.map(callLine), ...before];
  if (verdict.outcome === 'not-enough')
    return [
      `It cannot be said whether ${edge} was quiet for ${age(forMs)}:`,
      ...verdict.gaps.map(gapLine),
      ...before,
    ];
  const { processes } = verdict;
  return [
    `${edge} was quiet for ${age(forMs)}: proven.`,
    ...processes.map(({ process, upMs }) => `  ${process} has counted for ${age(upMs)}, and no such call`),
    'The proof is recorded. The next call refutes it, is named by who makes it, and shows here and in `banyan history`.',
  ];
}

const BOOKS: Record<SeenCall['book'], string> = {
  provider: 'booked by its provider',
  caller: 'booked by its caller',
  tombstone: 'counted by the tombstone',
  proof: 'told by its provider',
};

function callLine({ caller, agoMs, process, book, mark }: SeenCall): string {
  const ledger = mark === '' ? 'in no ledger of the caller' : `ledger ${mark}`;
  return `  ${caller} called ${age(agoMs)} ago, ${BOOKS[book]} ${process} (${ledger})`;
}

function gapLine({ why, enoughAtMs }: QuietGap): string {
  return `  ${why}${enoughAtMs === null ? '' : `; enough at ${new Date(enoughAtMs).toISOString()}`}`;
}

function earlierLines(
  { at, by, forMs, revoked }: NonNullable<QuietAnswer['earlier']>,
  nowMs: number,
): string[] {
  const proof = `It was proven quiet for ${age(forMs)} ${ago(at, nowMs)} ago, by ${by}`;
  if (revoked === undefined) return ['', `${proof}.`];
  const { caller, calls, server } = revoked;
  return [
    '',
    `${proof}; refuted ${ago(revoked.at, nowMs)} ago: ${caller} called ${server} (${calls} so far).`,
  ];
}
