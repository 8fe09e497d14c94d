import type { RehearsalRecord } from '@banyan/control';

/** A rehearsal in a line: `passed at prefer-replica: 0 of 340 calls failed in 3 s, 0 % of at most 0.1 %`. */
export function rehearsalText(record: RehearsalRecord): string {
  const { outcome, stage, calls, failed, forMs, maxErrors, cut, why } = record;
  const share = calls === 0 ? '' : `, ${percentOf(failed / calls)} of at most ${percentOf(maxErrors)}`;
  const wanted = cut === 0 ? 'none wanted the provider' : `${cut} wanted the provider`;
  const because = why === '' ? '' : `; ${why}`;
  return `${outcome} at ${stage}: ${failed} of ${calls} calls failed in ${forMs / 1000} s${share}; ${wanted}${because}`;
}

const percentOf = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
