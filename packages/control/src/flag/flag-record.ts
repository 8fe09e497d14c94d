import { BanyanError } from '@banyan/runtime';
import { inShare, isShare } from '../ramp.js';
import type { RecordForm } from '../record-file.js';

export type FlagValue = boolean | string;

/** One change of a flag, as it lies in the bucket and in each process's state file. */
export interface FlagRecord {
  flag: string;
  value: FlagValue;
  /** The value before, of the same type; while a share is in force, the one of all other keys. */
  from: FlagValue;
  /** Percent of the keys that have `value`, below 100; absent: all do, and so do requests without a key. */
  share?: number;
  /** Keys that have `value` whatever the share. */
  keys?: string[];
  /** What the keys identify, e.g. `project`. Flags and edges that name the same move the same keys at the same share. */
  rampBy: string;
  /** The flag's own count of changes, from 1; see `StageRecord`. */
  change: number;
  changeId: string;
  by: string;
  why: string;
  /** When, ISO 8601. */
  at: string;
}

/** Why a key has its value: by the record alone · by the list of keys · by the share · no share or list decides. */
export type FlagReason = 'static' | 'listed' | 'split' | 'others';

/** The value of a flag for a key; requests without a key are the last to move. */
export function flagValueFor(
  { value, from, share, keys = [], rampBy }: FlagRecord,
  key: string | undefined,
): { value: FlagValue; reason: FlagReason } {
  if (share === undefined) return { value, reason: 'static' };
  if (key === undefined) return { value: from, reason: 'others' };
  if (keys.includes(key)) return { value, reason: 'listed' };
  if (share === 0) return { value: from, reason: 'others' };
  return { value: inShare(share, rampBy, key) ? value : from, reason: 'split' };
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$/;
const MAX_NAME = 128;
/** No service's name begins with an underscore, so no edge has such a key. */
const KEY_PREFIX = '_flag.';

/** All flags' keys in the bucket. */
export const FLAG_KEYS = `${KEY_PREFIX}>`;

export function isFlagName(name: string): boolean {
  return NAME.test(name) && name.length <= MAX_NAME;
}

/**
 * A flag's key in the bucket.
 *
 * @throws BANYAN_FLAG_INVALID if it is no name of a flag
 */
export function flagKey(flag: string): string {
  if (isFlagName(flag)) return KEY_PREFIX + flag;
  throw new BanyanError('BANYAN_FLAG_INVALID', `${JSON.stringify(flag)} is no name of a flag`);
}

export function flagOfKey(key: string): string | undefined {
  return key.startsWith(KEY_PREFIX) ? key.slice(KEY_PREFIX.length) : undefined;
}

/** Last known flags on disk, in `flags.json`. */
export const FLAG_FORM: RecordForm<FlagRecord> = {
  list: 'flags',
  nameOf: ({ flag }) => flag,
  store: (record) => record,
  read: (stored) => (isFlagRecord(stored) ? stored : undefined),
};

/** Reads a record; undefined for anything that is none. */
export function decodeFlag(data: string): FlagRecord | undefined {
  try {
    return FLAG_FORM.read(JSON.parse(data) as unknown);
  } catch {
    return undefined;
  }
}

function isFlagRecord(given: unknown): given is FlagRecord {
  if (typeof given !== 'object' || given === null) return false;
  const record = given as Record<string, unknown>;
  const { flag, value, from, change, share, keys } = record;
  const texts = ['rampBy', 'changeId', 'by', 'why', 'at'].every((name) => typeof record[name] === 'string');
  const valued = (typeof value === 'boolean' || typeof value === 'string') && typeof value === typeof from;
  const counted = Number.isSafeInteger(change) && (change as number) > 0;
  const ramped = share === undefined ? keys === undefined : isShare(share);
  return (
    typeof flag === 'string' && isFlagName(flag) && texts && valued && counted && ramped && areKeys(keys)
  );
}

function areKeys(keys: unknown): boolean {
  return keys === undefined || (Array.isArray(keys) && keys.every((key) => typeof key === 'string'));
}
