import { BanyanError } from '@banyan/runtime';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `30s` in milliseconds. @throws BanyanError BANYAN_OPTION_INVALID for anything but a whole number and ms, s, m, h or d */
export function durationMs(written: string): number {
  const [, number = '', unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(written) ?? [];
  if (number === '') {
    throw new BanyanError('BANYAN_OPTION_INVALID', `${JSON.stringify(written)} is no duration`, {
      remedy: 'Write a whole number and ms, s, m, h or d, for example 30s.',
    });
  }
  return Number(number) * UNITS[unit as keyof typeof UNITS];
}
