import { BanyanError } from '@banyan/runtime';
import { checkShare } from '../ramp.js';
import type { FlagRecord, FlagValue } from './flag-record.js';

/** What was asked for. */
export interface WantedFlag {
  value: FlagValue;
  /** Percent of the keys that are to have it; default 100: all, requests without a key too. */
  share?: number | undefined;
  /** Keys that are to have it whatever the share. Default: those that have it already. */
  keys?: readonly string[] | undefined;
  /** The value of all other keys. Default: the one before; for a new flag of true or false the opposite. */
  others?: FlagValue | undefined;
  /** What the keys identify. Default: as before, for a new flag its name. */
  rampBy?: string | undefined;
}

/** A change as it will be recorded. */
export type FlagMove = Pick<FlagRecord, 'value' | 'from' | 'share' | 'keys' | 'rampBy'>;

const MAX_KEYS = 1_000;

/**
 * What a wanted value amounts to, given where the flag stands. While only some keys have a value, its share may be changed,
 * or all keys be given one value; another value for some of them has to wait: it would move keys back and forth.
 *
 * @throws BANYAN_FLAG_INVALID if the value is of another type, or it is not known what the other keys are to have
 * @throws BANYAN_SHARE_INVALID
 */
export function planFlag(flag: string, now: FlagRecord | undefined, wanted: WantedFlag): FlagMove {
  const { value, share = wanted.keys === undefined ? 100 : 0 } = wanted;
  checkShare(share);
  refuseOtherType(flag, now, wanted);
  const rampBy = wanted.rampBy ?? now?.rampBy ?? flag;
  if (share === 100) return { value, from: before(now, wanted), rampBy };
  refuseDetour(flag, now, { ...wanted, rampBy });
  const keys = keysOf(flag, now, wanted);
  return { value, from: othersOf(flag, now, wanted), share, ...(keys === undefined ? {} : { keys }), rampBy };
}

/** The value that a change for all keys comes from. */
function before(now: FlagRecord | undefined, wanted: WantedFlag): FlagValue {
  if (now !== undefined) return now.value === wanted.value ? now.from : now.value;
  return typeof wanted.value === 'boolean' ? !wanted.value : wanted.value;
}

function refuseOtherType(flag: string, now: FlagRecord | undefined, { value, others }: WantedFlag): void {
  const type = typeof (now?.value ?? value);
  const strange = [value, others].find((each) => each !== undefined && typeof each !== type);
  if (strange === undefined) return;
  throw new BanyanError(
    'BANYAN_FLAG_INVALID',
    `${flag} is a ${type} flag, and ${JSON.stringify(strange)} none`,
    {
      remedy: 'Programs ask for a flag by its type, and would get their defaults: take another name.',
    },
  );
}

function refuseDetour(flag: string, now: FlagRecord | undefined, wanted: WantedFlag): void {
  if (now?.share === undefined) return;
  const { value, from, share, rampBy } = now;
  const inForce = `${JSON.stringify(value)} is in force for ${share} % of the keys by ${rampBy}, ${JSON.stringify(from)} for the others`;
  const same = wanted.value === value && (wanted.others ?? from) === from && wanted.rampBy === rampBy;
  if (same) return;
  throw new BanyanError('BANYAN_FLAG_INVALID', `${flag}: ${inForce}`, {
    remedy: 'Change that value’s share, or give all keys one value first (without --share and --keys).',
  });
}

function othersOf(flag: string, now: FlagRecord | undefined, { value, others }: WantedFlag): FlagValue {
  const candidates = now?.share === undefined ? [others, now?.value, now?.from] : [now.from];
  const opposite = typeof value === 'boolean' ? [!value] : [];
  const found = [...candidates, ...opposite].find((each) => each !== undefined && each !== value);
  if (found !== undefined) return found;
  throw new BanyanError('BANYAN_FLAG_INVALID', `${flag}: nobody knows what all others are to have`, {
    remedy: 'Name it with --others <value>.',
  });
}

function keysOf(flag: string, now: FlagRecord | undefined, wanted: WantedFlag): string[] | undefined {
  const keys = wanted.keys ?? (now?.share === undefined ? undefined : now.keys);
  if (keys === undefined || keys.length === 0) return undefined;
  if (keys.length <= MAX_KEYS) return [...new Set(keys)];
  throw new BanyanError(
    'BANYAN_FLAG_INVALID',
    `${flag} cannot list ${keys.length} keys; ${MAX_KEYS} at most`,
    {
      remedy: 'Use a share, or a flag of its own for each group of keys.',
    },
  );
}
