import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '@banyan/contracts';
import { ProjectState, TaskActivity, type Project } from '@banyan/contracts/projects';
import { Team, TeamState } from '@banyan/contracts/teams';
import * as rules from './project.js';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const team = Team.fromPartial({ id: 't1', state: TeamState.ACTIVE });
const wish = { id: 'p1', teamId: 't1', name: ' Grove ', now: NOW };
const created = rules.createProject({ ...wish, team });

describe('a new project', () => {
  it('is active, empty and at version 1', () => {
    const { state, fact } = created;
    expect(state).toMatchObject({ name: 'Grove', state: ProjectState.ACTIVE, openTasks: 0, version: 1 });
    expect(fact).toMatchObject({ event: { type: 'ProjectCreated' }, data: { project: state } });
  });

  it('needs an active team', () => {
    expect(() => rules.createProject({ ...wish, team: undefined })).toThrow(/no team/);
    const archived = { ...team, state: TeamState.ARCHIVED };
    expect(() => rules.createProject({ ...wish, team: archived })).toThrow(/archived/);
  });
});

describe('any sequence of commands', () => {
  it('moves the version by one with each event and not at all without', () => {
    everySequence((before, { state, fact }) => {
      expect(state.version).toBe(before.version + (fact === undefined ? 0 : 1));
      if (fact === undefined) expect(state).toEqual(before);
      else expect(fact.data).toMatchObject({ project: state });
    });
  });

  it('never renames or revives an archived project', () => {
    everySequence((before, { state }) => {
      if (before.state === ProjectState.ARCHIVED) expect(state).toBe(before);
    });
  });

  it('says what the name was before', () => {
    const { fact } = rules.renameProject(created.state, { name: 'Wood', expectedVersion: 1, now: NOW });
    expect(fact?.data).toMatchObject({ project: { name: 'Wood', version: 2 }, previousName: 'Grove' });
  });

  it('refuses what was meant for another version', () => {
    const command = { expectedVersion: 2, now: NOW };
    expect(() => rules.archiveProject(created.state, command)).toThrow(/at version 1, not 2/);
  });
});

describe('a report of a task', () => {
  it('counts one up or one down, and nothing else', () => {
    expect(rules.openTasksAdded(TaskActivity.OPENED)).toBe(1);
    expect(rules.openTasksAdded(TaskActivity.CLOSED)).toBe(-1);
    expect(rules.openTasksAdded(TaskActivity.UNSPECIFIED)).toBeUndefined();
    expect(rules.openTasksAdded(TaskActivity.UNRECOGNIZED)).toBeUndefined();
  });
});

type Step = (project: Project) => Change<Project>;

const command = { expectedVersion: 0, now: NOW };
const anyCommand: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('a', 'b', ' a ').map(
    (name): Step =>
      (p) =>
        rules.renameProject(p, { ...command, name }),
  ),
  fc.constant<Step>((project) => rules.archiveProject(project, command)),
);

/** Runs `check` on each step of random sequences. */
function everySequence(check: (before: Project, change: Change<Project>) => void): void {
  fc.assert(
    fc.property(fc.array(anyCommand), (commands) => {
      commands.reduce((project, step) => {
        const change = attempt(project, step);
        check(project, change);
        return change.state;
      }, created.state);
    }),
  );
}

/** A refusal changes nothing. */
function attempt(project: Project, step: Step): Change<Project> {
  try {
    return step(project);
  } catch {
    return { state: project, fact: undefined };
  }
}
