import { BanyanError } from '@banyan/runtime';

/** What parity is asked for. */
export interface ParityTarget {
  /** The share of comparisons that may disagree, above 0 and below 1; for example 0.001 for one in a thousand. */
  maxDisagreement: number;
  /** How sure to be, above 0.5 and below 1; for example 0.95. */
  confidence: number;
}

/** Comparisons that could be judged. */
export interface ParityCounts {
  agreed: number;
  disagreed: number;
}

export interface ParityVerdict {
  outcome: 'pass' | 'fail' | 'not-enough';
  /** How many more have to agree, none disagreeing, before it passes; 0 unless it is not enough. */
  needed: number;
  /** What speaks for a rate below the bound: 1 is nothing, `1 / (1 - confidence)` passes. */
  evidence: number;
  /** Above this the true rate is not, with the confidence asked for, whenever one looks. From 0 to 1. */
  upperBound: number;
}

/**
 * A sequential test of the rate at which two sides disagree. It may be looked at after every comparison, and stopped at any
 * time: the probability that it *ever* passes an edge whose true rate is at or above the bound is at most 1 - confidence.
 *
 * It bets against the rate p0 with likelihood ratios of rates q < p0, mixed by fixed weights. For a true rate p >= p0 each
 * ratio is a supermartingale (its mean factor p q/p0 + (1 - p)(1 - q)/(1 - p0) is at most 1), so by Ville's inequality the
 * mixture exceeds 1/alpha with probability alpha at most. The same against p0 from below, with q > p0, says "fail". Only
 * the two counts matter, so those of several processes may be added up.
 *
 * Sources: Wald, Sequential Tests of Statistical Hypotheses (1945); Robbins, Statistical Methods Related to the Law of the
 * Iterated Logarithm (1970), for mixtures; Ramdas, Grünwald, Vovk and Shafer, Game-Theoretic Statistics and Safe
 * Anytime-Valid Inference (2023), for e-processes.
 */
export class SequentialTest {
  readonly #bound: number;
  readonly #threshold: number;

  /** @throws BanyanError BANYAN_OPTION_INVALID for a rate or confidence outside of its range */
  constructor({ maxDisagreement, confidence }: ParityTarget) {
    mustLie('maxDisagreement', maxDisagreement, { above: 0, below: 1 });
    mustLie('confidence', confidence, { above: 0.5, below: 1 });
    this.#bound = maxDisagreement;
    this.#threshold = -Math.log(1 - confidence);
  }

  judge(counts: ParityCounts): ParityVerdict {
    const logEvidence = logMixture(counts, this.#bound, BELOW);
    const known = { evidence: Math.exp(logEvidence), upperBound: this.#upperBound(counts) };
    if (logEvidence >= this.#threshold) return { ...known, outcome: 'pass', needed: 0 };
    if (logMixture(counts, this.#bound, ABOVE) >= this.#threshold)
      return { ...known, outcome: 'fail', needed: 0 };
    return { ...known, outcome: 'not-enough', needed: this.#needed(counts) };
  }

  /** The evidence grows with each agreement, so the least number is found by halving. */
  #needed({ agreed, disagreed }: ParityCounts): number {
    const isEnough = (more: number): boolean =>
      logMixture({ agreed: agreed + more, disagreed }, this.#bound, BELOW) >= this.#threshold;
    let high = 1;
    while (!isEnough(high)) high *= 2;
    let low = high / 2;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (isEnough(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  /** The lowest rate that the same test would have passed: a confidence sequence. */
  #upperBound(counts: ParityCounts): number {
    let [low, high] = [0, 1];
    for (let step = 0; step < 40; step++) {
      const middle = (low + high) / 2;
      if (logMixture(counts, middle, BELOW) >= this.#threshold) high = middle;
      else low = middle;
    }
    return high;
  }
}

type Mixture = readonly (readonly [of: (bound: number) => number, weight: number])[];

/** Most weight is on a rate of 0, which needs the fewest comparisons; the others forgive disagreements in time. */
const BELOW: Mixture = [
  [() => 0, 0.6],
  [(bound) => bound / 30, 0.1],
  [(bound) => bound / 10, 0.1],
  [(bound) => bound / 3, 0.1],
  [(bound) => bound * 0.7, 0.1],
];

const ABOVE: Mixture = [
  [(bound) => between(bound, 0.5), 0.25],
  [(bound) => Math.min(bound * 1.5, between(bound, 0.5)), 0.25],
  [(bound) => Math.min(bound * 3, between(bound, 0.5)), 0.25],
  [(bound) => Math.min(bound * 10, between(bound, 0.5)), 0.25],
];

/** The rate that lies so far between the bound and 1. */
const between = (bound: number, share: number): number => bound + (1 - bound) * share;

/** Logarithm of the weighted mean of the likelihood ratios. */
function logMixture({ agreed, disagreed }: ParityCounts, bound: number, mixture: Mixture): number {
  const logs = mixture.map(([of, weight]) => {
    const rate = of(bound);
    const against = disagreed === 0 ? 0 : disagreed * (Math.log(rate) - Math.log(bound));
    return Math.log(weight) + agreed * (Math.log1p(-rate) - Math.log1p(-bound)) + against;
  });
  const largest = Math.max(...logs);
  return largest + Math.log(logs.reduce((sum, each) => sum + Math.exp(each - largest), 0));
}

function mustLie(name: string, value: number, { above, below }: { above: number; below: number }): void {
  if (value > above && value < below) return;
  throw new BanyanError('BANYAN_OPTION_INVALID', `parity: ${name} is ${value}`, {
    remedy: `Give a number above ${above} and below ${below}.`,
  });
}
