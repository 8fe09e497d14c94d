import type { Finding } from './gate-verdict.js';
import type { QuietProof } from './ledger/quiet-proof.js';

export interface QuietTimes {
  /** How long nobody may have called, in ms; 0: not asked. */
  forMs: number;
  /** Ms since 1970. */
  nowMs: number;
}

/**
 * What is asked before a provider refuses an edge's callers: a proof that none has called for a time. It counts on after the
 * proof, for the provider's processes tell of the next call.
 */
export function quietFindings(proof: QuietProof | undefined, { forMs, nowMs }: QuietTimes): Finding[] {
  if (forMs === 0) return [];
  const prove = `\`banyan quiet <edge> --for ${wordsOf(forMs)}\` says who calls, or proves that nobody does`;
  if (proof === undefined) return [['not-enough', `it is not proven that nobody calls: ${prove}`]];
  const { at, revoked } = proof;
  if (revoked !== undefined)
    return [
      [
        'not-enough',
        `${revoked.caller} called at ${revoked.at}, after it was proven that nobody does: ${prove}`,
      ],
    ];
  const quietMs = nowMs - Date.parse(at) + proof.forMs;
  if (quietMs >= forMs) return [['pass', `nobody has called for ${wordsOf(quietMs)}`]];
  return [['not-enough', `nobody has called for ${wordsOf(quietMs)}, of ${wordsOf(forMs)}`]];
}

function wordsOf(ms: number): string {
  for (const [unit, length] of UNITS) if (ms >= length) return `${Math.floor(ms / length)}${unit}`;
  return `${Math.floor(ms)}ms`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;
