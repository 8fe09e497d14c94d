/** What a benchmark found; printed as one JSON object. */
export interface BenchResult {
  case: string;
  unit: string;
  /** The figure, a median. */
  value: number;
  /** What it is held against, measured in the same run, alternating; a median too. */
  reference: number;
  /** value / reference: the median of the rounds' own ratios. */
  ratio: number;
  /** The design's target for the ratio, or for the value where it says so. */
  target: number;
  met: boolean;
  details: Record<string, unknown>;
}

export interface BenchOptions {
  rounds: number;
  /** Case `relay`: how many shards to compare with one; 1: none. */
  shards: number;
  /** Case `backfill`: rows of the table. */
  rows: number;
  /** Told what is going on. */
  say: (line: string) => void;
}

/** One benchmark. */
export interface BenchCase {
  name: string;
  /** One line for the list of cases. */
  about: string;
  run: (options: BenchOptions) => Promise<BenchResult>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? NaN;
  const lower = sorted[Math.ceil(middle) - 1] ?? NaN;
  return (upper + lower) / 2;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
