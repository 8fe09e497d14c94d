import { createHash } from 'node:crypto';
import { BanyanError } from '@banyan/runtime';
import type { Stage } from './stage.js';

/** A stage that only a share of the keys runs; the others run the one that the edge comes from. */
export interface Ramp<S extends Stage = Stage> {
  /** The stage of the keys that are not in the share, and of requests without a key. */
  readonly from: S;
  /** Percent of the keys, at least 0 and below 100, in steps of 0.01. */
  readonly share: number;
}

/** A share is counted in hundredths of a percent. */
const BUCKETS = 10_000;

/**
 * Where a key stands among the 10,000 hundredths of a percent: the first four bytes of SHA-256 over `group`, a zero byte and
 * `key`, scaled. It knows neither edge nor change, so a share that is raised only ever adds keys, and two edges that ramp
 * by one group move a key together.
 */
export function bucketOf(group: string, key: string): number {
  const hash = createHash('sha256').update(`${group}\0${key}`).digest().readUInt32BE(0);
  return Math.floor((hash / 2 ** 32) * BUCKETS);
}

/** Whether a key is in a share, given in percent. */
export function inShare(share: number, group: string, key: string): boolean {
  return bucketOf(group, key) < Math.round(share * 100);
}

/** Whether a value is a share as a record may carry it. */
export function isShare(value: unknown): value is number {
  if (typeof value !== 'number' || !(value >= 0) || value >= 100) return false;
  return Math.abs(value * 100 - Math.round(value * 100)) < 1e-6;
}

/**
 * Checks that a share can be the next of a change; 100 completes it.
 *
 * @throws BANYAN_SHARE_INVALID
 */
export function checkShare(share: number): void {
  if (share === 100 || isShare(share)) return;
  throw new BanyanError('BANYAN_SHARE_INVALID', `${String(share)} % is no share`);
}
