import type { RunStepState, RunView } from '@banyan/control';
import { describe, expect, it } from 'vitest';
import { planView, runToShow, summaryOf } from './plan-view.js';

const step = (key: string, state: RunStepState) => ({
  ...{
    key,
    digest: '',
    place: 'a.yaml:1',
    edge: key.includes('->') ? 'tasks -> teams.GetTeam' : null,
    note: null,
  },
  ...state,
});

function run(parts: Partial<RunView>): RunView {
  return {
    ...{ id: '1', playbook: 'a', digest: 'd', file: 'a.yaml', state: 'running', why: '', scope: null },
    ...{
      startedAt: '',
      startedBy: 'ann',
      by: 'ann',
      updatedAt: '2026-01-01',
      current: null,
      steps: [],
      told: [],
    },
    ...{ wishes: { paused: null, postponed: [] }, holder: null },
    ...parts,
  };
}

describe('the plan that operators see', () => {
  it('tells each step by what it does, and what it waits for or failed with', () => {
    const steps = [
      step('backfill members', { state: 'done', at: 't1', by: 'ann', how: 'walked' }),
      step('advance tasks -> teams.GetTeam to shadow', {
        state: 'waiting',
        missing: ['12 more'],
        since: 't2',
      }),
      step('retire teams.GetTeam', { state: 'failed', at: 't3', why: 'refused' }),
    ];
    expect(planView(run({ steps }), undefined).steps).toMatchObject([
      { kind: 'backfill', state: 'done', at: 't1', by: 'ann' },
      { kind: 'advance', edge: 'tasks -> teams.GetTeam', state: 'waiting', missing: ['12 more'] },
      { kind: 'retire', state: 'failed', missing: ['refused'] },
    ]);
  });

  it('shows a postponed step as such until it is done', () => {
    const wishes = { paused: null, postponed: [{ step: 'backfill x', by: 'bob', at: 't' }] };
    const todo = run({ wishes, steps: [step('backfill x', { state: 'todo' })] });
    expect(planView(todo, undefined).steps).toMatchObject([{ state: 'postponed', by: 'bob' }]);
  });

  it('does not call a run running that nobody is at any more', () => {
    expect(summaryOf(run({}))).toMatchObject({ state: 'waiting', paused: false });
    const holder = { id: '', by: 'ann', host: '', pid: 1, since: '', alive: true };
    expect(summaryOf(run({ holder }))).toMatchObject({ state: 'running' });
  });

  it('is that of the last run, and empty before the first', () => {
    const runs = [run({ playbook: 'old' }), run({ playbook: 'new', updatedAt: '2026-02-01' })];
    expect(runToShow(runs, undefined)?.playbook).toBe('new');
    expect(planView(undefined, undefined)).toEqual({ playbook: null, steps: [], run: null });
  });
});
