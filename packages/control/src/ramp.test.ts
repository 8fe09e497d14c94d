import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgeStage, stageFor, type RunningStage } from './edge-stage.js';
import { bucketOf, inShare, isShare } from './ramp.js';
import { planShareDown, planShareUp, type Standing } from './ramp-plan.js';
import { decodeRecord, encodeRecord, type StageRecord } from './stage-record.js';
import { isStageOf, QUERY_LADDER } from './stage.js';

const shares = fc.integer({ min: 0, max: 9_999 }).map((hundredths) => hundredths / 100);

function recordOf(given: Partial<StageRecord> = {}): StageRecord {
  return {
    edge: 'tasks -> projects.GetProject',
    kind: 'query',
    stage: 'prefer-replica',
    from: 'shadow',
    share: 12.5,
    change: 1,
    changeId: 'one',
    by: 'ann',
    why: 'because',
    at: '2026-01-01T00:00:00.000Z',
    ...given,
  };
}

describe('a share', () => {
  it('that is raised never moves a key back', () => {
    const property = fc.property(fc.string(), shares, shares, (key, a, b) => {
      if (inShare(Math.min(a, b), 'project', key)) expect(inShare(Math.max(a, b), 'project', key)).toBe(true);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  it('holds about that share of the keys, and none at 0', () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `p${i}`);
    const count = (share: number): number => keys.filter((key) => inShare(share, 'project', key)).length;
    expect(count(10) / keys.length).toBeCloseTo(0.1, 1);
    expect(count(0.1)).toBeGreaterThan(0);
    expect(count(0.1)).toBeLessThan(60);
    expect(count(0)).toBe(0);
  });

  // Written down: another version, or another language, must not move keys.
  it('puts keys where it always has', () => {
    expect(['p1', 'p2', 'é'].map((key) => bucketOf('project', key))).toMatchInlineSnapshot(`
      [
        9608,
        5500,
        8495,
      ]
    `);
  });

  it('is a percentage in hundredths', () => {
    expect([0, 0.01, 12.5, 33.33, 99.99].filter(isShare)).toHaveLength(5);
    expect([-1, 100, 0.001, NaN, '10', null].filter(isShare)).toEqual([]);
  });
});

describe('a record with a share', () => {
  it('is read as it was written', () => {
    expect(decodeRecord(encodeRecord(recordOf()))).toEqual(recordOf());
    const { share: _, ...whole } = recordOf();
    expect(decodeRecord(encodeRecord(whole))).toEqual(whole);
  });

  it('names no stage to a version that knows no shares, which so holds against it', () => {
    const { stage } = JSON.parse(encodeRecord(recordOf())) as { stage: string };
    expect(stage).toBe('prefer-replica@12.5');
    expect(isStageOf('query', stage)).toBe(false);
  });

  it.each(['prefer-replica@', 'prefer-replica@100', 'prefer-replica@10@10', 'prefer-replica@x', '@10'])(
    'is not read from %s',
    (stage) => {
      expect(decodeRecord(JSON.stringify({ ...recordOf(), share: undefined, stage }))).toBeUndefined();
    },
  );

  it('is unsupported where the stage of the other keys is', () => {
    const edge = 'tasks -> projects.GetProject';
    const stage = new EdgeStage({ edge, kind: 'query', stages: ['call', 'prefer-replica'] }, () => undefined);
    expect(stage.consider(recordOf())).toBe('unsupported');
    expect(stage.consider(recordOf({ from: 'call' }))).toBe('applied');
  });
});

describe('the stage of a request', () => {
  const running: RunningStage = {
    stage: 'replica',
    ramp: { from: 'shadow', share: 50 },
    change: 1,
    changeId: 'one',
    since: '',
    origin: 'store',
  };

  it('is the same for one key of one group on every edge', () => {
    const keys = Array.from({ length: 200 }, (_, i) => `p${i}`);
    const stages = keys.map((key) => stageFor(running, { by: 'project', key }));
    expect(new Set(stages)).toEqual(new Set(['replica', 'shadow']));
    const other = { ...running, change: 7, changeId: 'other' };
    expect(keys.map((key) => stageFor(other, { by: 'project', key }))).toEqual(stages);
    expect(keys.map((key) => stageFor(running, { by: 'team', key }))).not.toEqual(stages);
  });

  it('is the lower one without a key, until all have moved', () => {
    expect(stageFor(running, { by: 'project', key: undefined })).toBe('shadow');
    const { ramp: _, ...complete } = running;
    expect(stageFor(complete, { by: 'project', key: undefined })).toBe('replica');
  });
});

describe('a ramp', () => {
  const at = (stage: Standing['stage'], ramp: Standing['ramp'] = null): Standing => ({
    ladder: QUERY_LADDER,
    stage,
    ramp,
  });
  const ramping = at('prefer-replica', { from: 'shadow', share: 10 });

  it('begins, is raised and is completed by advancing', () => {
    const from = 'shadow';
    const stage = 'prefer-replica';
    expect(planShareUp(at('shadow'), { share: 10 })).toEqual({ stage, from, share: 10 });
    expect(planShareUp(ramping, { share: 50 })).toEqual({ stage, from, share: 50 });
    expect(planShareUp(ramping, {})).toEqual({ stage, from, share: 100 });
  });

  it('cannot be advanced to less, or over its own stage', () => {
    expect(() => planShareUp(ramping, { share: 10 })).toThrow('10 % is not above the 10 % in force');
    expect(() => planShareUp(ramping, { to: 'replica' })).toThrow('prefer-replica is at 10 %');
    expect(() => planShareUp(at('call'), { share: 0.001 })).toThrow('0.001 % is no share');
  });

  it('is lowered, or taken away, by going back', () => {
    expect(planShareDown(ramping, { share: 5 })).toEqual({
      stage: 'prefer-replica',
      from: 'shadow',
      share: 5,
    });
    expect(planShareDown(ramping, {})).toEqual({ stage: 'shadow', from: 'prefer-replica', share: 100 });
    expect(planShareDown(ramping, { to: 'call' })).toMatchObject({ stage: 'call', share: 100 });
    expect(planShareDown(at('replica'), { share: 50 })).toEqual({
      stage: 'replica',
      from: 'prefer-replica',
      share: 50,
    });
    expect(() => planShareDown(ramping, { share: 10 })).toThrow('10 % is not below the 10 % in force');
    expect(() => planShareDown(ramping, { share: 5, to: 'call' })).toThrow('the other keys run shadow');
  });
});
