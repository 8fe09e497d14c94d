import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planLeases, type LaneLease } from './lease-plan.js';

const lanesOf = (holders: readonly (string | undefined)[]): LaneLease[] =>
  holders.map((instance, lane) => ({ lane, instance }));

it('gives everything to one who is alone', () => {
  expect(planLeases(lanesOf([undefined, 'gone', undefined, 'a']), 'a', ['a'])).toEqual({
    claim: [0, 1, 2],
    release: [],
  });
});

it('gives up what is more than its share', () => {
  expect(planLeases(lanesOf(['a', 'a', 'a', 'a']), 'a', ['b', 'a'])).toEqual({ claim: [], release: [2, 3] });
});

it('comes to rest with all lanes held and shares that differ by one at most, whoever begins', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const holders = fc.array(fc.option(fc.constantFrom(...names, 'gone'), { nil: undefined }), {
    minLength: 1,
    maxLength: 16,
  });
  fc.assert(
    fc.property(holders, fc.subarray(names, { minLength: 1 }), (initial, alive) => {
      const leases = lanesOf(initial);
      for (let round = 0; round < 3; round++) {
        for (const me of alive) {
          const { claim, release } = planLeases(leases, me, alive);
          for (const lease of leases) {
            if (claim.includes(lease.lane)) lease.instance = me;
            if (release.includes(lease.lane)) lease.instance = undefined;
          }
        }
      }
      const counts = alive.map((name) => leases.filter(({ instance }) => instance === name).length);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(leases.length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
  );
});
