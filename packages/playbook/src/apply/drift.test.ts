import { describe, expect, it } from 'vitest';
import type { Ramp, Stage } from '@banyan/control';
import { parsePlaybook } from '../plan/read-playbook.js';
import { resolvePlan } from '../plan/resolve-plan.js';
import { driftOf, type Drift } from './drift.js';
import { keyedSteps } from './keyed-steps.js';

const EDGE = 'tasks -> projects.GetProject';
const PLAYBOOK = `
version: 1
name: drills
replicas: { tasks/p: {} }
edges: { ${EDGE}: { kind: query, replica: tasks/p } }
steps:
  - { advance: ${EDGE}, to: shadow }
  - { advance: ${EDGE}, to: prefer-replica, share: 20 }
  - { advance: ${EDGE}, to: prefer-replica }
  - { rehearse: ${EDGE} }
  - { back: ${EDGE}, to: shadow }
  - { advance: ${EDGE}, to: prefer-replica }
  - { advance: ${EDGE}, to: replica }
`;
const steps = keyedSteps(resolvePlan(parsePlaybook(PLAYBOOK, 'plan.yaml')));

/** What a run with so many steps made finds when the edge stands there. */
function drift(made: number, stage: Stage, { share = 100, by = 'ann' } = {}): Drift {
  const ramp: Ramp | null = share === 100 ? null : { from: 'shadow', share };
  const track = { kind: 'query' as const, floor: 'call' as const, steps };
  return driftOf({ ...track, isMade: ({ index }) => index < made }, { stage, ramp, by });
}

const indexes = (found: Drift): number[] => {
  if (found.kind === 'none') return [];
  return (found.kind === 'ahead' ? found.passed : found.undone).map(({ index }) => index);
};

describe('an edge against what a run believes of it', () => {
  it('stands where it was left, or where the next step leads: nothing is to be said', () => {
    expect(drift(0, 'call').kind).toBe('none');
    expect(drift(1, 'shadow').kind).toBe('none');
    expect(drift(1, 'prefer-replica', { share: 20 }).kind).toBe('none');
    expect(drift(4, 'prefer-replica').kind).toBe('none');
  });

  it('takes a drill that was made and not recorded for one, unless a guard made it', () => {
    expect(drift(4, 'shadow').kind).toBe('none');
    expect(drift(4, 'shadow', { by: 'guard' })).toMatchObject({ kind: 'lowered' });
  });

  it('that somebody has moved on has passed the steps below, and is looked at where it stands', () => {
    expect(indexes(drift(0, 'prefer-replica'))).toEqual([0, 1]);
    expect(indexes(drift(0, 'prefer-replica', { share: 20 }))).toEqual([0]);
  });

  it('that was taken back has to do again what led above, rehearsals too', () => {
    const fromTheTop = drift(7, 'prefer-replica');
    expect(fromTheTop).toMatchObject({ kind: 'lowered', believed: { stage: 'replica', share: 100 } });
    expect(indexes(fromTheTop)).toEqual([6]);
    expect(indexes(drift(4, 'prefer-replica', { share: 20, by: 'bob' }))).toEqual([2, 3, 4, 5, 6]);
    expect(indexes(drift(3, 'prefer-replica', { share: 20 }))).toEqual([2, 3, 4, 5, 6]);
    expect(indexes(drift(2, 'call'))).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});
