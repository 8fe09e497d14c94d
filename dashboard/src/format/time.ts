import { durationText } from './duration.js';

/** How long ago a time was, or how far off it is: `just now`, `12 s ago`, `in 3 min`. */
export function agoText(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  if (Math.abs(ms) < 1_000) return 'just now';
  const whole = ms < 0 ? Math.ceil(ms / 1_000) : Math.floor(ms / 1_000);
  const text = Math.abs(whole) < 60 ? `${Math.abs(whole)} s` : durationText(Math.abs(ms));
  return ms < 0 ? `in ${text}` : `${text} ago`;
}

const ABSOLUTE = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});

/** The time itself, in the reader's zone: `23 Nov 2026, 08:12:57 UTC`. */
export const absoluteText = (atMs: number): string => ABSOLUTE.format(atMs);

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** The time of day alone: `08:12:57`. */
export const clockText = (atMs: number): string => CLOCK.format(atMs);
