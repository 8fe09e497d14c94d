import { describe, expect, it } from 'vitest';
import { hasValues, newestOf, topOf, type ChartLine } from './chart-data.js';

const line = (...values: (number | null)[]): ChartLine => ({ name: 'p99', values, colour: 'call' });

describe('a chart', () => {
  it('tells the newest value that is known', () => {
    expect(newestOf([1, 2, null])).toBe(2);
    expect(newestOf([null])).toBeNull();
    expect(newestOf([])).toBeNull();
  });

  it('has nothing to draw while nothing was measured', () => {
    expect(hasValues([line(null, null), line()])).toBe(false);
    expect(hasValues([line(null), line(0)])).toBe(true);
  });

  it('reaches above its largest value, and to the line that matters', () => {
    expect(topOf([line(10, null), line(4)], 1)).toBeCloseTo(11);
    expect(topOf([line(10)], 500)).toBe(500);
    expect(topOf([], 1)).toBe(1);
  });
});
