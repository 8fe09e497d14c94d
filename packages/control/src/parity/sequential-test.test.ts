import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { SequentialTest, type ParityVerdict } from './sequential-test.js';

const TARGET = { maxDisagreement: 0.01, confidence: 0.95 };

/** Pseudo-random numbers from 0 to 1 (mulberry32), the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Looks after every comparison; says at which it passed, if it ever did. */
function passedAt(
  rate: number,
  { length, seed, judge }: { length: number; seed: number; judge: Judge },
): number {
  const random = randomOf(seed);
  let [agreed, disagreed] = [0, 0];
  for (let n = 1; n <= length; n++) {
    if (random() < rate) disagreed += 1;
    else agreed += 1;
    if (judge(agreed, disagreed) === 'pass') return n;
  }
  return Infinity;
}

type Judge = (agreed: number, disagreed: number) => ParityVerdict['outcome'];

/** The same verdicts from a table: judging costs logarithms, and 20,000,000 looks are taken. */
function tabled(test: SequentialTest): Judge {
  const leastAgreed: number[] = [];
  return (agreed, disagreed) => {
    leastAgreed[disagreed] ??= leastToPass(test, disagreed);
    return agreed >= (leastAgreed[disagreed] ?? Infinity) ? 'pass' : 'not-enough';
  };
}

function leastToPass(test: SequentialTest, disagreed: number): number {
  let [low, high] = [0, 1_000_000];
  while (high - low > 1) {
    const agreed = Math.floor((low + high) / 2);
    if (test.judge({ agreed, disagreed }).outcome === 'pass') high = agreed;
    else low = agreed;
  }
  return high;
}

function shareOfPasses(rate: number, judge: Judge): number {
  const streams = 10_000;
  let passes = 0;
  for (let seed = 1; seed <= streams; seed++) {
    if (passedAt(rate, { length: 2_000, seed, judge }) < Infinity) passes += 1;
  }
  return passes / streams;
}

describe('the sequential test', () => {
  it('passes at most 1 - confidence of the streams whose rate is just above the bound, looked at after every sample', () => {
    const share = shareOfPasses(0.0101, tabled(new SequentialTest(TARGET)));
    expect(share).toBeLessThanOrEqual(0.05);
    // It is no idle bound.
    expect(share).toBeGreaterThan(0.01);
  }, 60_000);

  it('where the rule of three, looked at after every sample, passes more: looking often is what breaks it', () => {
    // With no disagreement in the last 300 the usual 95 % bound is 3/300.
    let run = 0;
    const ruleOfThree = (() => {
      let [before, seen] = [0, 0];
      return (agreed: number, disagreed: number): ParityVerdict['outcome'] => {
        if (agreed + disagreed === 1) [before, seen] = [0, 0];
        run = disagreed > seen ? 0 : agreed - before;
        if (disagreed > seen) [before, seen] = [agreed, disagreed];
        return run >= 300 ? 'pass' : 'not-enough';
      };
    })();
    expect(shareOfPasses(0.0101, ruleOfThree)).toBeGreaterThan(0.1);
  }, 60_000);

  it('passes clean streams after little more than the rule of three asks for', () => {
    const { needed } = new SequentialTest(TARGET).judge({ agreed: 0, disagreed: 0 });
    expect(needed).toBeGreaterThanOrEqual(299);
    expect(needed).toBeLessThan(360);
  });

  it('forgives single disagreements when the rate is far below the bound', () => {
    const judge = tabled(new SequentialTest(TARGET));
    const passes = Array.from({ length: 200 }, (_, seed) => passedAt(0.002, { length: 5_000, seed, judge }));
    expect(passes.filter((at) => at < Infinity).length).toBeGreaterThan(190);
  });

  it('fails what clearly disagrees too often, and says no more of what it does not know', () => {
    const test = new SequentialTest(TARGET);
    expect(test.judge({ agreed: 90, disagreed: 10 }).outcome).toBe('fail');
    expect(test.judge({ agreed: 99, disagreed: 1 }).outcome).toBe('not-enough');
    expect(test.judge({ agreed: 0, disagreed: 0 })).toMatchObject({ outcome: 'not-enough', upperBound: 1 });
  });

  it('names exactly how many agreements are missing', () => {
    const counts = fc.record({ agreed: fc.nat(3_000), disagreed: fc.nat(20) });
    const targets = fc.record({
      maxDisagreement: fc.double({ min: 0.0001, max: 0.5, noNaN: true }),
      confidence: fc.double({ min: 0.8, max: 0.9999, noNaN: true }),
    });
    fc.assert(
      fc.property(counts, targets, ({ agreed, disagreed }, target) => {
        const test = new SequentialTest(target);
        const { outcome, needed } = test.judge({ agreed, disagreed });
        if (outcome !== 'not-enough') return needed === 0;
        const after = (more: number): string => test.judge({ agreed: agreed + more, disagreed }).outcome;
        return after(needed) === 'pass' && (needed === 1 || after(needed - 1) !== 'pass');
      }),
    );
  });

  it('refuses targets that mean nothing', () => {
    expect(() => new SequentialTest({ maxDisagreement: 0, confidence: 0.95 })).toThrow(
      /maxDisagreement is 0/,
    );
    expect(() => new SequentialTest({ maxDisagreement: 0.1, confidence: 95 })).toThrow(/confidence is 95/);
  });
});
