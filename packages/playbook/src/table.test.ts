import { describe, expect, it } from 'vitest';
import { ago, ms, table } from './table.js';

describe('a table', () => {
  it('has columns as wide as they need, with numbers to the right', () => {
    expect(
      table(
        ['NAME', 'N'],
        [
          ['a', 5],
          ['longer', 123],
        ],
      ),
    ).toEqual(['NAME      N', 'a         5', 'longer  123']);
  });

  it('writes times as people say them', () => {
    const nowMs = Date.parse('2026-01-03T00:00:00Z');
    const since = [
      '2026-01-02T23:59:48Z',
      '2026-01-02T23:57:00Z',
      '2026-01-02T20:00:00Z',
      '2026-01-01T00:00:00Z',
    ];
    expect(since.map((iso) => ago(iso, nowMs))).toEqual(['12s', '3m', '4h', '2d']);
    expect([0.1234, 12.34, 1234.5].map(ms)).toEqual(['0.12', '12.3', '1235']);
  });
});
