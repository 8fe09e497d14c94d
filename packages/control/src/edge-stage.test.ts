import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgeStage } from './edge-stage.js';
import type { StageRecord } from './stage-record.js';
import type { QueryStage } from './stage.js';

/** Of an edge without a cache. */
const LADDER: QueryStage[] = ['call', 'shadow', 'prefer-replica', 'replica'];

const EDGE = 'tasks -> projects.GetProject';

function recordOf(change: number, given: Partial<StageRecord> = {}): StageRecord {
  return {
    edge: EDGE,
    kind: 'query',
    stage: 'shadow',
    change,
    changeId: `id-${change}`,
    by: 'ann',
    why: 'because',
    at: new Date(change * 1_000).toISOString(),
    from: 'call',
    ...given,
  };
}

const newStage = (lastKnown?: StageRecord): EdgeStage =>
  new EdgeStage({ edge: EDGE, kind: 'query', stages: LADDER }, () => lastKnown);

describe('the stage of an edge in a process', () => {
  it('is the floor while nothing is known', () => {
    expect(newStage().running).toMatchObject({ stage: 'call', change: 0, origin: 'floor' });
  });

  it('is the last known one if there is one', () => {
    const stage = newStage(recordOf(3, { stage: 'replica' }));
    expect(stage.running).toMatchObject({ stage: 'replica', change: 3, origin: 'file' });
    expect(stage.persisted).toBe(true);
  });

  it('of one kind does not follow the records of the other, whose stages have the same names', () => {
    const stage = new EdgeStage({ edge: EDGE, kind: 'reaction', stages: ['call', 'dual'] }, () => undefined);
    expect(stage.consider(recordOf(1, { stage: 'call' }))).toBe('unsupported');
    expect(stage.consider(recordOf(2, { kind: 'reaction', stage: 'dual' }))).toBe('applied');
    expect(stage.consider(recordOf(3, { kind: 'reaction', stage: 'event' }))).toBe('unsupported');
    expect(stage.running).toMatchObject({ stage: 'dual', change: 2 });
  });

  it('is the floor if the last known one is not supported any more', () => {
    const stage = new EdgeStage({ edge: EDGE, kind: 'query', stages: ['shadow', 'replica'] }, () =>
      recordOf(3, { stage: 'call' }),
    );
    expect(stage.running).toMatchObject({ stage: 'shadow', origin: 'floor' });
  });

  it('follows later changes and tells its listeners once each', () => {
    const stage = newStage();
    const seen: string[] = [];
    stage.onChange((now, before) => seen.push(`${before.stage} ${now.stage}`));
    expect(stage.consider(recordOf(1))).toBe('applied');
    expect(stage.consider(recordOf(1))).toBe('same');
    expect(stage.consider(recordOf(2, { stage: 'prefer-replica' }))).toBe('applied');
    expect(seen).toEqual(['call shadow', 'shadow prefer-replica']);
  });

  it('holds against an earlier change, says so, and lets go of it at the next later one', () => {
    const stage = newStage(recordOf(7, { stage: 'replica' }));
    expect(stage.consider(recordOf(4, { stage: 'call' }))).toBe('older');
    expect(stage.running.stage).toBe('replica');
    expect(stage.held).toEqual({ reason: 'older', change: 4, changeId: 'id-4', stage: 'call' });
    expect(stage.consider(recordOf(8))).toBe('applied');
    expect(stage.held).toBeUndefined();
  });

  it('holds against stages that it does not support and records that it cannot read', () => {
    const stage = newStage(recordOf(1));
    expect(stage.consider(recordOf(2, { stage: 'cache' }))).toBe('unsupported');
    expect(stage.consider(undefined)).toBe('unreadable');
    expect(stage.running).toMatchObject({ stage: 'shadow', change: 1 });
  });

  it('ends at the same change in every process, in whatever order records arrive', () => {
    const record = fc
      .record({ change: fc.integer({ min: 1, max: 5 }), second: fc.integer({ min: 1, max: 50 }) })
      .map(({ change, second }) =>
        recordOf(change, { changeId: `${change}-${second}`, at: new Date(second * 1_000).toISOString() }),
      );
    const records = fc.array(record, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(records, fc.array(fc.nat()), (given, chances) => {
        const shuffled = [...given];
        for (const chance of chances) shuffled.push(...shuffled.splice(chance % shuffled.length, 1));
        const [one, other] = [given, shuffled].map((order) => {
          const stage = newStage();
          for (const each of order) stage.consider(each);
          return stage.running.changeId;
        });
        expect(one).toBe(other);
      }),
    );
  });

  it('never goes to a lower change number', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 })), (changes) => {
        const stage = newStage();
        for (const change of changes) {
          const before = stage.running.change;
          stage.consider(recordOf(change));
          expect(stage.running.change).toBeGreaterThanOrEqual(before);
        }
      }),
    );
  });
});
