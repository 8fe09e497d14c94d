import { formatPosition, parsePosition } from '@banyan/contracts';

/**
 * Where a reader of a source stands: after the event of this position. `NOTHING` is before the first event of a stream that
 * has never held one.
 */
export interface Place {
  readonly epoch: number;
  readonly n: number;
}

export const NOTHING: Place = { epoch: 0, n: 0 };

/** `1.42`, or `0`. */
export function writePlace({ epoch, n }: Place): string {
  return epoch === 0 ? '0' : formatPosition(epoch, n);
}

/** @throws BanyanError BANYAN_POSITION_INVALID */
export function readPlace(written: string): Place {
  return written === '0' ? NOTHING : parsePosition(written);
}
