import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagKey, flagValueFor, isFlagName, type FlagRecord } from './flag-record.js';
import { planFlag, type WantedFlag } from './plan-flag.js';

const FLAG = 'orders.by-event';

function recordOf(given: Partial<FlagRecord> = {}): FlagRecord {
  const at = '2026-01-01T00:00:00.000Z';
  const change = { change: 1, changeId: 'one', by: 'ann', why: 'because', at };
  return { flag: FLAG, value: true, from: false, rampBy: FLAG, ...change, ...given };
}

const planned = (now: FlagRecord | undefined, wanted: WantedFlag): FlagRecord =>
  recordOf({ ...planFlag(FLAG, now, wanted) });

describe('a flag', () => {
  it('that is given to more keys takes it from none', () => {
    const shares = fc.integer({ min: 0, max: 9_999 }).map((hundredths) => hundredths / 100);
    const property = fc.property(fc.string(), shares, shares, (key, a, b) => {
      const [less, more] = [a, b].sort((x, y) => x - y).map((share) => recordOf({ share }));
      if (flagValueFor(less!, key).value === true) expect(flagValueFor(more!, key).value).toBe(true);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('has its value for the keys listed, the share, and no key without one', () => {
    const ramping = recordOf({ share: 0, keys: ['p1'] });
    expect(flagValueFor(ramping, 'p1')).toEqual({ value: true, reason: 'listed' });
    expect(flagValueFor(ramping, 'p2')).toEqual({ value: false, reason: 'others' });
    expect(flagValueFor(recordOf({ share: 99.99 }), undefined)).toEqual({ value: false, reason: 'others' });
    expect(flagValueFor(recordOf(), undefined)).toEqual({ value: true, reason: 'static' });
    expect(flagValueFor(recordOf({ share: 50 }), 'p2').reason).toBe('split');
  });

  it.each(['a b', 'tasks -> projects.GetProject', '', '.a', 'a..b', 'a.', 'a>', 'ä', 'x'.repeat(129)])(
    'is not named %s',
    (name) => {
      expect(isFlagName(name)).toBe(false);
      expect(() => flagKey(name)).toThrow('BANYAN_FLAG_INVALID');
    },
  );
});

describe('a change of a flag', () => {
  it('begins with the opposite for all others, or with what is named', () => {
    expect(planFlag(FLAG, undefined, { value: true, share: 10 })).toEqual({
      value: true,
      from: false,
      share: 10,
      rampBy: FLAG,
    });
    expect(planFlag(FLAG, undefined, { value: 'b', others: 'a', keys: ['p1'], rampBy: 'project' })).toEqual({
      value: 'b',
      from: 'a',
      share: 0,
      keys: ['p1'],
      rampBy: 'project',
    });
    expect(() => planFlag(FLAG, undefined, { value: 'b', share: 10 })).toThrow('nobody knows');
  });

  it('keeps the others’ value and the keys listed while the share moves', () => {
    const ten = planned(undefined, { value: 'b', others: 'a', share: 10, keys: ['p1'] });
    const fifty = planned(ten, { value: 'b', share: 50 });
    expect(fifty).toMatchObject({ value: 'b', from: 'a', share: 50, keys: ['p1'] });
    expect(planned(fifty, { value: 'b' })).toEqual(recordOf({ value: 'b', from: 'a' }));
    expect(planned(fifty, { value: 'a' })).toEqual(recordOf({ value: 'a', from: 'b' }));
    expect(planned(recordOf({ value: 'b', from: 'a' }), { value: 'b', share: 50 })).toMatchObject({
      from: 'a',
      share: 50,
    });
  });

  it('does not move keys to and fro under another value, or by other keys', () => {
    const ramping = recordOf({ value: 'b', from: 'a', share: 10 });
    for (const wanted of [
      { value: 'c', share: 10 },
      { value: 'a', share: 10 },
      { value: 'b', share: 20, rampBy: 'team' },
      { value: 'b', share: 20, others: 'c' },
    ]) {
      expect(() => planFlag(FLAG, ramping, wanted)).toThrow('"b" is in force for 10 % of the keys');
    }
    expect(planFlag(FLAG, ramping, { value: 'c' })).toMatchObject({ value: 'c', from: 'b' });
  });

  it('keeps its type, and lists no more keys than a record should hold', () => {
    expect(() => planFlag(FLAG, recordOf(), { value: 'on' })).toThrow('is a boolean flag');
    const keys = Array.from({ length: 1_001 }, (_, i) => `p${i}`);
    expect(() => planFlag(FLAG, recordOf(), { value: false, keys })).toThrow('1001 keys');
    expect(() => planFlag(FLAG, recordOf(), { value: false, share: 0.001 })).toThrow('BANYAN_SHARE_INVALID');
  });
});
