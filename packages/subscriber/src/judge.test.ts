import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge } from './judge.js';

describe('judge', () => {
  it.each([
    ['the event after the stored one', { epoch: 1, n: 5 }, { epoch: 1, n: 9, prevN: 5 }, 'next'],
    ['the very first event', { epoch: 0, n: 0 }, { epoch: 1, n: 3, prevN: 0 }, 'next'],
    ['the stored event again', { epoch: 1, n: 5 }, { epoch: 1, n: 5, prevN: 2 }, 'duplicate'],
    ['an event long applied', { epoch: 1, n: 5 }, { epoch: 1, n: 1, prevN: 0 }, 'duplicate'],
    ['an event with one missing before it', { epoch: 1, n: 5 }, { epoch: 1, n: 9, prevN: 7 }, 'gap'],
    ['a beginning that has left the stream', { epoch: 0, n: 0 }, { epoch: 1, n: 9, prevN: 7 }, 'gap'],
    [
      'an event that forgets the stored one',
      { epoch: 1, n: 5 },
      { epoch: 1, n: 9, prevN: 4 },
      'other-history',
    ],
    ['an event of another epoch', { epoch: 1, n: 5 }, { epoch: 2, n: 9, prevN: 5 }, 'other-history'],
    ['an event of a history left behind', { epoch: 2, n: 5 }, { epoch: 1, n: 9, prevN: 5 }, 'duplicate'],
  ] as const)('%s', (_what, stored, event, verdict) => {
    expect(judge(stored, event)).toBe(verdict);
  });

  it.each([
    ['its first event follows what was applied before', { epoch: 2, n: 9, prevN: 0 }, 'next'],
    ['a later one leaves a gap', { epoch: 2, n: 12, prevN: 9 }, 'gap'],
    ['yet another history is another one', { epoch: 3, n: 9, prevN: 0 }, 'other-history'],
    ['the one before goes on until then', { epoch: 1, n: 6, prevN: 5 }, 'next'],
  ] as const)('with an accepted epoch: %s', (_what, event, verdict) => {
    expect(judge({ epoch: 1, n: 5 }, event, 2)).toBe(verdict);
  });

  it('lets each event of a partition through once and in order, however the reading starts over', () => {
    const events = (count: number): { epoch: number; n: number; prevN: number }[] =>
      Array.from({ length: count }, (_, i) => ({ epoch: 1, n: (i + 1) * 3, prevN: i * 3 }));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.nat(30), { maxLength: 10 }),
        (count, restarts) => {
          const all = events(count);
          const applied: number[] = [];
          let stored = { epoch: 0, n: 0 };
          const deliveries = [
            ...restarts.flatMap((at) => all.slice(Math.max(0, Math.min(at, applied.length) - 3), at)),
            ...all,
          ];
          for (const event of deliveries) {
            if (judge(stored, event) !== 'next') continue;
            applied.push(event.n);
            stored = { epoch: event.epoch, n: event.n };
          }
          expect(applied).toEqual(all.map(({ n }) => n));
        },
      ),
    );
  });
});
