import { expect, it } from 'vitest';
import { absoluteText, agoText } from './time.js';

const NOW = Date.parse('2026-11-23T08:00:00Z');

it.each([
  [-400, 'just now'],
  [-1_000, '1 s ago'],
  [-59_900, '59 s ago'],
  [-61_000, '1 min ago'],
  [-7_300_000, '2 h ago'],
  [300, 'just now'],
  [90_000, 'in 1 min'],
])('tells a time %d ms from now as %s', (offset, text) => {
  expect(agoText(NOW + offset, NOW)).toBe(text);
});

it('tells the time itself with its zone', () => {
  expect(absoluteText(NOW)).toMatch(/^23 Nov 2026, \d\d:00:00 \S+$/);
});
