import { expect, it } from 'vitest';
import { durationText } from './duration.js';

it.each([
  [0, '0 ms'],
  [0.424, '0.42 ms'],
  [5.04, '5 ms'],
  [12.6, '13 ms'],
  [999, '999 ms'],
  [1_000, '1.0 s'],
  [9_940, '9.9 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_999, '59 min'],
  [7_200_000, '2 h'],
  [200_000_000, '2 d'],
])('tells %d ms as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
