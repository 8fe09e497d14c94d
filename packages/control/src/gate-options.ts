import { resolveOptions, wholeNumber, type OptionRule, type OptionRules } from '@banyan/runtime';
import { LEDGER_KEEP_MS } from './ledger/ledger-store.js';

export interface GateOptions {
  /**
   * Query edges: the share of the comparisons since the last change that may disagree, above 0 and below 1; default 0.01.
   * Some `3.2 / maxDisagreement` comparisons without a disagreement pass at the default confidence; each that disagrees
   * costs more of them.
   */
  maxDisagreement?: number;
  /** Query edges: how sure to be that no more do, above 0.5 and below 1; default 0.95. */
  confidence?: number;
  /** Query edges: the share of the calls since the last change that the replica may not answer; default 0.05. */
  maxFallbacks?: number;
  /** Query edges: how many times as long as the provider's p99 that of the replica's reads may be; default 2. */
  maxSlowdown?: number;
  /** Query edges: reads whose p99 is within this, in ms, are never too slow; default 100. */
  slowMs?: number;
  /** Query edges: how many positions a replica's subscriber may be behind; default 1000. */
  maxLagPositions?: number;
  /** Reaction edges: how many effects must have been done at `dual` since the last change; default 50. */
  minReactions?: number;
  /** Reaction edges: for how long no call without an event id may have come, in ms, before `dual`; default 60,000. */
  quietMs?: number;
  /** Reaction edges: how far behind a receiver's subscriber may be, in ms, before `event`; default 5000. */
  maxLagMs?: number;
  /** For how long nobody may have called, in ms, before `retired`, as it was proven; default an hour; 0: it is not asked. */
  retireQuietMs?: number;
}

const RULES: OptionRules<GateOptions> = {
  maxDisagreement: between(0, 1, 0.01),
  confidence: between(0.5, 1, 0.95),
  maxFallbacks: between(0, 1, 0.05),
  maxSlowdown: between(0, 1_000, 2),
  slowMs: wholeNumber(0, 600_000, 100),
  maxLagPositions: wholeNumber(0, 1_000_000_000, 1_000),
  minReactions: wholeNumber(0, 1_000_000, 50),
  quietMs: wholeNumber(0, 7 * 86_400_000, 60_000),
  maxLagMs: wholeNumber(1, 86_400_000, 5_000),
  retireQuietMs: wholeNumber(0, LEDGER_KEEP_MS, 3_600_000),
};

/** @throws BanyanError BANYAN_OPTION_INVALID, BANYAN_OPTION_UNKNOWN */
export function resolveGateOptions(options: GateOptions): Required<GateOptions> {
  return resolveOptions('gate', RULES, options);
}

function between(above: number, below: number, fallback: number): OptionRule<number> {
  return {
    fallback,
    must: `a number above ${above} and below ${below}`,
    check: (value): value is number => typeof value === 'number' && value > above && value < below,
  };
}
