import { expect, it } from 'vitest';
import type { StepView } from '../wire.js';
import { fileIn, progressOf } from './plan-text.js';

const steps = (...states: StepView['state'][]): StepView[] =>
  states.map((state, index) => ({ id: `${index}`, title: 'a step', kind: 'advance', state }));

it('tells what a run has done apart from what is so already', () => {
  expect(progressOf(steps('done', 'waiting', 'todo'))).toEqual({ value: 1, text: '1 of 3 steps done' });
  expect(progressOf(steps('done', 'reached'))).toEqual({
    value: 2,
    text: '1 of 2 steps done, 1 more reached',
  });
  expect(progressOf(steps('reached', 'todo'))).toEqual({ value: 1, text: '0 of 2 steps done, 1 reached' });
});

it('names a playbook by its file alone', () => {
  expect(fileIn('/srv/playbooks/teams.yaml')).toBe('teams.yaml');
  expect(fileIn('teams.yaml')).toBe('teams.yaml');
});
