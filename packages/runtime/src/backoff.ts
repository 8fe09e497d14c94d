/** How long to wait between tries. */
export interface Backoff {
  /** Ceiling of the first delay, in ms. */
  firstMs: number;
  /** Ceiling of any delay, in ms. */
  maxMs: number;
}

/**
 * Full-jitter exponential backoff: a uniform draw from 0 to the doubled-each-time ceiling, but never under a tenth of it.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @param attempt 0 for the first delay
 * @param random a uniform draw from [0, 1)
 */
export function backoffDelayMs(
  attempt: number,
  backoff: Backoff,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling * (0.1 + 0.9 * random()));
}
