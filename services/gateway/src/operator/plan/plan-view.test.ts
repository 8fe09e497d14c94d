import type { RunStepState, RunView } from '@banyan/control';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { keyedSteps, planDigest, readPlan, type StepStanding } from '@banyan/playbook';
import { planView, runToShow, summaryOf } from './plan-view.js';

const standings = new Map<string, StepStanding>();
const stands: StepStanding = { reached: false, missing: [], takenBack: false };

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
    expect(planView({ run: run({ steps }), plan: undefined, standings }).steps).toMatchObject([
      { kind: 'backfill', state: 'done', at: 't1', by: 'ann' },
      { kind: 'advance', edge: 'tasks -> teams.GetTeam', state: 'waiting', missing: ['12 more'] },
      { kind: 'retire', state: 'failed', missing: ['refused'] },
    ]);
  });

  it('shows a postponed step as such until it is done', () => {
    const wishes = { paused: null, postponed: [{ step: 'backfill x', by: 'bob', at: 't' }] };
    const todo = run({ wishes, steps: [step('backfill x', { state: 'todo' })] });
    expect(planView({ run: todo, plan: undefined, standings }).steps).toMatchObject([
      { state: 'postponed', by: 'bob' },
    ]);
  });

  it('does not call a run running that nobody is at any more', () => {
    expect(summaryOf(run({}))).toMatchObject({ state: 'waiting', paused: false });
    const holder = { id: '', by: 'ann', host: '', pid: 1, since: '', alive: true };
    expect(summaryOf(run({ holder }))).toMatchObject({ state: 'running' });
  });

  describe('with a playbook', () => {
    const plan = readPlan(
      fileURLToPath(new URL('../../../../../playbooks/teams-projects-tasks.yaml', import.meta.url)),
    );
    const [first, second, third] = keyedSteps(plan).map(({ key }) => key);
    const [one = '', two = '', three = ''] = [first, second, third];
    const known = new Map<string, StepStanding>([
      [one, { ...stands, reached: true }],
      [two, { ...stands, reached: true }],
      [three, { ...stands, missing: ['i1 does not run it yet'] }],
    ]);
    const own = { playbook: plan.name, digest: planDigest(plan) };

    it('shows before the first run what is reached, and what is not', () => {
      const { steps, run: none } = planView({ run: undefined, plan, standings: known });
      expect(none).toBe(null);
      expect(steps.slice(0, 4)).toMatchObject([
        { id: one, state: 'reached' },
        { id: two, state: 'reached' },
        { id: three, state: 'todo', missing: ['i1 does not run it yet'] },
        { state: 'todo' },
      ]);
    });

    it('keeps what its run has done apart from what is only reached', () => {
      const at = '2026-01-01';
      const walked = run({
        ...own,
        steps: [
          step(one, { state: 'done', at, by: 'ann', how: 'found' }),
          step(two, { state: 'waiting', missing: ['12 more'], since: at }),
          step(three, { state: 'failed', at, why: 'refused' }),
        ],
      });
      const view = planView({ run: walked, plan, standings: known });
      expect(view).toMatchObject({ run: { by: 'ann' }, otherRun: null });
      expect(view.steps).toEqual([
        expect.objectContaining({ state: 'done', by: 'ann', how: 'found' }),
        { id: two, title: two, kind: 'backfill', state: 'reached' },
        expect.objectContaining({ state: 'failed', missing: ['refused'] }),
      ]);
    });

    it('tells of what its run has made and somebody has taken back since', () => {
      const at = '2026-01-01';
      const done = (key: string) => step(key, { state: 'done', at, by: 'ann', how: 'walked' });
      const walked = run({ ...own, state: 'done', steps: [done(one), done(two)] });
      const since = new Map([[two, { ...stands, takenBack: true }]]);
      expect(planView({ run: walked, plan, standings: since }).steps).toMatchObject([
        { state: 'done' },
        { id: two, state: 'undone', at, by: 'ann' },
      ]);
    });

    it('shows a run of another version of it apart, with its own steps', () => {
      const steps = [step('backfill gone', { state: 'todo' })];
      const view = planView({ run: run({ ...own, digest: 'old', steps }), plan, standings: known });
      expect(view).toMatchObject({
        playbook: { digest: own.digest },
        run: null,
        otherRun: {
          playbook: { digest: 'old' },
          steps: [{ id: 'backfill gone', state: 'todo' }],
          run: { by: 'ann' },
        },
      });
      expect(view.steps).toHaveLength(plan.steps.length);
      expect(view.steps[0]).toMatchObject({ id: one, state: 'reached' });
    });
  });

  it('is that of the last run, and empty before the first', () => {
    const runs = [run({ playbook: 'old' }), run({ playbook: 'new', updatedAt: '2026-02-01' })];
    expect(runToShow(runs, undefined)?.playbook).toBe('new');
    expect(planView({ run: undefined, plan: undefined, standings })).toEqual({
      playbook: null,
      steps: [],
      run: null,
      otherRun: null,
    });
  });
});
