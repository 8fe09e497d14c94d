import { describe, expect, it } from 'vitest';
import { progressOf, rungsOf, stagesBelow } from './ladder.js';

type Parts = Parameters<typeof rungsOf>[0];

const LADDER = ['call', 'shadow', 'prefer-replica', 'replica'] as const;

const query = (parts: Partial<Parts>): Parts => ({
  kind: 'query',
  ladder: [...LADDER],
  stage: 'shadow',
  ramp: null,
  next: null,
  ...parts,
});

describe('a ladder', () => {
  it('has the rungs that its processes support, and says which is next', () => {
    const next = { stage: 'prefer-replica', outcome: 'pass', reasons: [] } as const;
    expect(rungsOf(query({ next: { ...next, reasons: [], settingsFrom: 'defaults' } }))).toEqual([
      { stage: 'call', state: 'passed', supported: true },
      { stage: 'shadow', state: 'current', supported: true },
      { stage: 'prefer-replica', state: 'next', supported: true },
      { stage: 'replica', state: 'ahead', supported: true },
    ]);
  });

  it('has all rungs of its kind when no process reports the edge', () => {
    const stages = rungsOf(query({ kind: 'reaction', stage: 'call', ladder: null })).map(
      ({ stage }) => stage,
    );
    expect(stages).toEqual(['call', 'dual', 'event', 'retired']);
  });

  it('shows a stage that some process cannot run, as such', () => {
    const rungs = rungsOf(query({ stage: 'retired' }));
    expect(rungs.at(-1)).toEqual({ stage: 'retired', state: 'current', supported: false });
  });

  it('splits the keys of a ramp between two rungs', () => {
    const rungs = rungsOf(query({ stage: 'prefer-replica', ramp: { from: 'shadow', share: 20 } }));
    expect(rungs.map(({ share }) => share)).toEqual([undefined, 80, 20, undefined]);
  });
});

describe('progress', () => {
  it('runs from 0 at the floor to 1 at the top, and counts a ramp by its share', () => {
    expect(progressOf(query({ stage: 'call' }))).toBe(0);
    expect(progressOf(query({ stage: 'replica' }))).toBe(1);
    const ramp = { from: 'shadow', share: 50 } as const;
    expect(progressOf(query({ stage: 'prefer-replica', ramp }))).toBe(0.5);
  });

  it('is complete for an edge that has one stage only', () => {
    expect(progressOf(query({ ladder: ['call'], stage: 'call' }))).toBe(1);
  });
});

describe('the way back', () => {
  it('leads to any lower stage of a query edge, the nearest first', () => {
    expect(stagesBelow(query({ stage: 'replica' }))).toEqual(['prefer-replica', 'shadow', 'call']);
    expect(stagesBelow(query({ stage: 'call' }))).toEqual([]);
  });

  it('leads one stage down from event, where the receiver drains', () => {
    const ladder: Parts['ladder'] = ['call', 'dual', 'event'];
    expect(stagesBelow({ kind: 'reaction', ladder, stage: 'event', ramp: null, next: null })).toEqual([
      'dual',
    ]);
    expect(stagesBelow({ kind: 'reaction', ladder, stage: 'dual', ramp: null, next: null })).toEqual([
      'call',
    ]);
  });
});
