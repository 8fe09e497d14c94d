import { describe, expect, it } from 'vitest';
import { countOf, countText, percentText, rateText } from './number.js';

describe('a count', () => {
  it('has its thousands apart, and its noun in the number that fits', () => {
    expect(countText(1_234_567)).toBe('1,234,567');
    expect(countOf(1, 'key')).toBe('1 key');
    expect(countOf(0, 'key')).toBe('0 keys');
    expect(countOf(2, 'process', 'processes')).toBe('2 processes');
  });
});

it.each([
  [0, '0 /s'],
  [0.01, '< 0.1 /s'],
  [0.44, '0.4 /s'],
  [9.96, '10 /s'],
  [1_200.4, '1,200 /s'],
])('tells a rate of %d as %s', (rate, text) => {
  expect(rateText(rate)).toBe(text);
});

it.each([
  [0, '0 %'],
  [0.00001, '< 0.01 %'],
  [0.0123, '1.2 %'],
  [0.5, '50 %'],
  [0.9987, '99.87 %'],
  [0.99999, '> 99.99 %'],
  [1, '100 %'],
])('tells a share of %d as %s, never as none or all when it is not', (share, text) => {
  expect(percentText(share)).toBe(text);
});
