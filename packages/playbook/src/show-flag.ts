import type { FlagMove, FlagRecord } from '@banyan/control';
import { ago, section, table } from './table.js';

/** All flags, for people. */
export function showFlags(flags: readonly FlagRecord[], nowMs: number): string[] {
  if (flags.length === 0) return ['No flag was ever set.'];
  const rows = flags.map((flag) => [flag.flag, valueText(flag), flag.change, ago(flag.at, nowMs), flag.by]);
  return table(['FLAG', 'VALUE', 'CHANGE', 'SINCE', 'BY'], rows);
}

/** One flag with its changes, for people. */
export function showFlag(flag: FlagRecord, history: readonly FlagRecord[]): string[] {
  const changes = history
    .toReversed()
    .map((each) => `${each.at}  ${valueText(each)}  ${each.by}: ${each.why}`);
  const keys = flag.keys === undefined ? [] : [`  keys       ${flag.keys.join(', ')}`];
  return [flag.flag, `  value      ${valueText(flag)}`, ...keys, ...section('changes', changes)];
}

/** For example `true` or `true for 10 % by project and 2 listed keys, else false`. */
export function valueText({ value, from, share, keys = [], rampBy }: FlagMove): string {
  if (share === undefined) return String(value);
  const listed = keys.length === 0 ? '' : `${keys.length} listed ${keys.length === 1 ? 'key' : 'keys'}`;
  const split = share === 0 && listed !== '' ? '' : `${share} % by ${rampBy}`;
  return `${value} for ${[split, listed].filter((part) => part !== '').join(' and ')}, else ${from}`;
}
