import { expect, it } from 'vitest';
import { shareIn } from './move-text.js';

it.each([
  ['', null],
  [' ', null],
  ['100', null],
  ['20', 20],
  ['0.01', 0.01],
])('reads the share %j as %j', (typed, share) => {
  expect(shareIn(typed)).toBe(share);
});

it.each(['0', '-1', '101', '0.001', 'x', '1e9'])('takes %j for no share', (typed) => {
  expect(shareIn(typed)).toBeUndefined();
});
