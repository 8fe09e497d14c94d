import { describe, expect, it } from 'vitest';
import {
  commonLadder,
  ladderOf,
  planAdvance,
  planBack,
  QUERY_LADDER as ladder,
  REACTION_LADDER,
} from './stage.js';

describe('the ladder of a query edge', () => {
  it('is ordered by meaning, however it was declared', () => {
    expect(ladderOf(['replica', 'call', 'shadow'])).toEqual(['call', 'shadow', 'replica']);
  });

  it('refuses unknown stages, and to be empty', () => {
    expect(() => ladderOf(['call', 'mirror'])).toThrow(
      'BANYAN_STAGE_INVALID: "mirror" is given; known are call,',
    );
    expect(() => ladderOf([])).toThrow('BANYAN_STAGE_INVALID: no stage is given');
  });

  it('shared by processes holds what all of them support', () => {
    expect(commonLadder([ladder, ['call', 'shadow']])).toEqual(['call', 'shadow']);
    expect(commonLadder([['call'], ['replica']])).toBeUndefined();
    expect(commonLadder([])).toBeUndefined();
  });

  it('is climbed one stage at a time', () => {
    expect(planAdvance({ ladder, from: 'call' })).toBe('cache');
    expect(planAdvance({ ladder: ['call', 'shadow', 'replica'], from: 'call' })).toBe('shadow');
    expect(planAdvance({ ladder, from: 'shadow', to: 'prefer-replica' })).toBe('prefer-replica');
    expect(() => planAdvance({ ladder, from: 'call', to: 'replica' })).toThrow(
      'advances to cache, not to replica',
    );
    expect(planAdvance({ ladder, from: 'replica' })).toBe('retired');
    expect(() => planAdvance({ ladder, from: 'retired' })).toThrow('retired is the highest stage');
  });

  it('is left downwards by one stage or by several, to the floor', () => {
    expect(planBack({ ladder, from: 'replica' })).toBe('prefer-replica');
    expect(planBack({ ladder, from: 'replica', to: 'call' })).toBe('call');
    expect(() => planBack({ ladder, from: 'call' })).toThrow('call is the floor');
    expect(() => planBack({ ladder, from: 'shadow', to: 'replica' })).toThrow(
      'can go back to call, cache, not to replica',
    );
  });

  it('finds the way from a stage that it does not hold itself', () => {
    const shorter = ladderOf(['call', 'replica']);
    expect(planAdvance({ ladder: shorter, from: 'shadow' })).toBe('replica');
    expect(planBack({ ladder: shorter, from: 'shadow' })).toBe('call');
  });
});

describe('the ladder of a reaction edge', () => {
  it('holds the stages of reactions only', () => {
    expect(ladderOf(['event', 'call', 'dual'], 'reaction')).toEqual(['call', 'dual', 'event']);
    expect(() => ladderOf(['call', 'shadow'], 'reaction')).toThrow(
      'BANYAN_STAGE_INVALID: "shadow" is given; known are call, dual, event',
    );
    expect(commonLadder([REACTION_LADDER, ['call', 'dual']])).toEqual(['call', 'dual']);
  });

  it('is climbed and left by way of dual, where what was left to events is worked off', () => {
    expect(planAdvance({ ladder: REACTION_LADDER, from: 'call' })).toBe('dual');
    expect(() => planAdvance({ ladder: REACTION_LADDER, from: 'call', to: 'event' })).toThrow(
      'advances to dual, not to event',
    );
    expect(planBack({ ladder: REACTION_LADDER, from: 'event' })).toBe('dual');
    expect(() => planBack({ ladder: REACTION_LADDER, from: 'event', to: 'call' })).toThrow(
      'from event one can go back to dual, not to call',
    );
  });
});
