import { flag, resolveOptions, wholeNumber, type OptionRule, type OptionRules } from '@banyan/runtime';

export interface GuardOptions {
  /** Whether the guard takes the edge back by itself; default true. */
  enabled?: boolean;
  /** The time that it looks back over, in ms; default 30,000. */
  windowMs?: number;
  /** The share of the comparisons that may disagree before it trips, above 0 and below 1; default 0.02. */
  maxDisagreement?: number;
  /** The share of the reads that may fail, or be too slow, before it trips, above 0 and below 1; default 0.5. */
  maxFailures?: number;
  /** How many reads it must have seen before it judges their failures; default 20. */
  minReads?: number;
  /** A read that takes longer, in ms, counts as too slow; default 0: none does. */
  slowMs?: number;
  /**
   * For how long the replica may be over its staleness budget, in ms, before it trips; default 0: it never does. Trap: a
   * broker that is away makes replicas stale, so that with it an edge moves although nobody decided so.
   */
  staleForMs?: number;
  /** How long it rests after it has tripped, in ms; default 10,000. */
  coolDownMs?: number;
}

export type ResolvedGuard = Required<GuardOptions>;

const RULES: OptionRules<GuardOptions> = {
  enabled: flag(true),
  windowMs: wholeNumber(100, 3_600_000, 30_000),
  maxDisagreement: share(0.02),
  maxFailures: share(0.5),
  minReads: wholeNumber(1, 1_000_000, 20),
  slowMs: wholeNumber(0, 600_000, 0),
  staleForMs: wholeNumber(0, 86_400_000, 0),
  coolDownMs: wholeNumber(0, 86_400_000, 10_000),
};

/** @throws BANYAN_OPTION_UNKNOWN, BANYAN_OPTION_INVALID */
export function resolveGuardOptions(given: GuardOptions): ResolvedGuard {
  return resolveOptions('query edge guard', RULES, given);
}

function share(fallback: number): OptionRule<number> {
  return {
    fallback,
    must: 'a number above 0 and below 1',
    check: (value): value is number => typeof value === 'number' && value > 0 && value < 1,
  };
}
