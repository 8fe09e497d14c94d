import { BanyanError } from '@banyan/runtime';

declare const positionBrand: unique symbol;

/** `epoch.n`: n counts the source's events densely from 1; the epoch changes only when the database's history does. */
export type Position = string & { readonly [positionBrand]: true };

const SHAPE = /^([1-9]\d{0,8})\.(0|[1-9]\d{0,15})$/;

/** Writes a position. n is 0 only in "the position before the first". */
export function formatPosition(epoch: number, n: number): Position {
  return parsed(`${epoch}.${n}`).position;
}

/** Reads a position; refuses anything that is not exactly `epoch.n`. */
export function parsePosition(written: string): { epoch: number; n: number } {
  const { epoch, n } = parsed(written);
  return { epoch, n };
}

function parsed(written: string): { position: Position; epoch: number; n: number } {
  const match = SHAPE.exec(written);
  const epoch = Number(match?.[1]);
  const n = Number(match?.[2]);
  if (match === null || !Number.isSafeInteger(n)) {
    throw new BanyanError('BANYAN_POSITION_INVALID', `${JSON.stringify(written)} is no position`);
  }
  return { position: written as Position, epoch, n };
}
