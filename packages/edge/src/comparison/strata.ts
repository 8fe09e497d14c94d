import { crc32 } from 'node:zlib';
import { noComparisons, type ComparisonCounts, type ComparisonOutcome } from '@banyan/control';

/** Besides those that are declared. */
const MAX_STRATA = 16;
const MAX_KEYS = 10_000;

/** What a comparison was about. */
export interface ComparisonSubject {
  /** Undefined: requests are not told apart. */
  stratum: string | undefined;
  /** Undefined: the request has none. */
  key: string | undefined;
  /** Nobody but a probe asked. */
  isProbe?: boolean;
}

/** Comparisons by stratum, and of how many keys. Bounded: strata beyond 16 undeclared ones count together as `other`. */
export class Strata {
  readonly #counts: Map<string, ComparisonCounts>;
  readonly #limit: number;
  /** Hashes of 32 bits: two keys with the same one count once, so that the number is too low at most. */
  readonly #keys = new Set<number>();

  constructor(declared: readonly string[]) {
    this.#counts = new Map(declared.map((name) => [name, noComparisons()]));
    this.#limit = this.#counts.size + MAX_STRATA;
  }

  count(outcome: ComparisonOutcome, { stratum, key }: ComparisonSubject): void {
    if (stratum !== undefined) this.#of(stratum)[outcome] += 1;
    if (key !== undefined && this.#keys.size < MAX_KEYS) this.#keys.add(crc32(key));
  }

  /** Those that were compared, or declared. */
  get names(): readonly string[] {
    return [...this.#counts.keys()];
  }

  countsOf(stratum: string): ComparisonCounts {
    return this.#counts.get(stratum) ?? noComparisons();
  }

  /** Distinct keys; 10,000 stands for any more. */
  get keys(): number {
    return this.#keys.size;
  }

  /** Empty if requests are not told apart. */
  report(): Record<string, ComparisonCounts> {
    return Object.fromEntries([...this.#counts].map(([name, counts]) => [name, { ...counts }]));
  }

  #of(stratum: string): ComparisonCounts {
    const name = this.#counts.has(stratum) || this.#counts.size < this.#limit ? stratum : 'other';
    const counts = this.#counts.get(name) ?? noComparisons();
    this.#counts.set(name, counts);
    return counts;
  }
}
