import { BanyanError } from '@banyan/runtime';

declare const positionBrand: unique symbol;

/** `epoch.n`: n counts the source's events densely from 1; the epoch changes only when the database's history does. */
export type Position = string & { readonly [positionBrand]: true };

const SHAPE = /^([1-9]\d{0,8})\.(0|[1-9]\d{0,15})$/;

/** Writes a position. n is 0 only in "the position before the first". */
export function formatPosition(epoch: number, n: number): Position {
  if (Number.isSafeInteger(epoch) && Number.isSafeInteger(n) && epoch >= 1 && n >= 0) {
    return `${epoch}.${n}` as Position;
  }
  throw new BanyanError('BANYAN_POSITION_INVALID', `${epoch}.${n} is no position`);
}

/** Reads a position; refuses anything that is not exactly `epoch.n`. */
export function parsePosition(written: string): { epoch: number; n: number } {
  const match = SHAPE.exec(written);
  const epoch = Number(match?.[1]);
  const n = Number(match?.[2]);
  if (match === null || !Number.isSafeInteger(n)) {
    throw new BanyanError('BANYAN_POSITION_INVALID', `${JSON.stringify(written)} is no position`);
  }
  return { epoch, n };
}
