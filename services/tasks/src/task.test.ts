import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '@banyan/contracts';
import { Project, ProjectState, TaskActivity } from '@banyan/contracts/projects';
import { TaskState, type Task } from '@banyan/contracts/tasks';
import { Membership, MembershipState } from '@banyan/contracts/teams';
import { taskActivity } from './task-activity.js';
import * as rules from './task.js';

const NOW = new Date('2026-01-02T03:04:05.678Z');
const project = Project.fromPartial({ id: 'p1', teamId: 't1', state: ProjectState.ACTIVE });
const created = rules.createTask({ id: 'k1', project, name: ' Plant ', assigneeId: '', now: NOW });

describe('a new task', () => {
  it('is open, in its project and team, at version 1', () => {
    expect(created.state).toMatchObject({ name: 'Plant', state: TaskState.OPEN, teamId: 't1', version: 1 });
    expect(created.fact?.event.type).toBe('TaskCreated');
  });

  it('needs an active project', () => {
    expect(() => rules.checkProject('p1', undefined)).toThrow(/no project/);
    expect(() => rules.checkProject('p1', { ...project, state: ProjectState.ARCHIVED })).toThrow(/archived/);
    expect(rules.checkProject('p1', project)).toBe(project);
  });

  it('can be given only to who is in the team now', () => {
    const member = { teamId: 't1', memberId: 'ann' };
    const active = Membership.fromPartial({ ...member, state: MembershipState.ACTIVE });
    expect(() => rules.checkAssignee(member, undefined)).toThrow(/not in team/);
    expect(() => rules.checkAssignee(member, { ...active, state: MembershipState.LEFT })).toThrow(
      /not in team/,
    );
    expect(() => rules.checkAssignee(member, active)).not.toThrow();
  });
});

describe('any sequence of commands', () => {
  it('moves the version by one with each event and not at all without', () => {
    everySequence((before, { state, fact }) => {
      expect(state.version).toBe(before.version + (fact === undefined ? 0 : 1));
      if (fact === undefined) expect(state).toEqual(before);
      else expect(fact.data).toMatchObject({ task: state });
    });
  });

  it('reports openings and closings that add up to whether the task is open', () => {
    fc.assert(
      fc.property(fc.array(anyCommand), (commands) => {
        let count = countOf(activityOf(created));
        const end = commands.reduce((task, command) => {
          const change = attempt(task, command);
          count += countOf(activityOf(change));
          return change.state;
        }, created.state);
        expect(count).toBe(end.state === TaskState.OPEN ? 1 : 0);
      }),
    );
  });

  it('never changes an archived task', () => {
    everySequence((before, { state }) => {
      if (before.state === TaskState.ARCHIVED) expect(state).toBe(before);
    });
  });

  it('refuses what was meant for another version', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 }), (expectedVersion) => {
        const command = { expectedVersion, now: NOW };
        expect(() => rules.completeTask(created.state, command)).toThrow(/at version 1, not/);
      }),
    );
  });
});

type Step = (task: Task) => Change<Task>;

const command = { expectedVersion: 0, now: NOW };
const anyCommand: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom('a', 'b', ' a ').map(
    (name): Step =>
      (task) =>
        rules.renameTask(task, { ...command, name }),
  ),
  fc.constantFrom('', 'ann', 'bob').map(
    (assigneeId): Step =>
      (task) =>
        rules.assignTask(task, { ...command, assigneeId }),
  ),
  fc.constant<Step>((task) => rules.completeTask(task, command)),
  fc.constant<Step>((task) => rules.reopenTask(task, command)),
  fc.constant<Step>((task) => rules.unassignTask(task, NOW)),
  fc.constant<Step>((task) => rules.archiveTask(task, NOW)),
);

/** Runs `check` on each step of random sequences. */
function everySequence(check: (before: Task, change: Change<Task>) => void): void {
  fc.assert(
    fc.property(fc.array(anyCommand), (commands) => {
      commands.reduce((task, step) => {
        const change = attempt(task, step);
        check(task, change);
        return change.state;
      }, created.state);
    }),
  );
}

/** A refusal changes nothing. */
function attempt(task: Task, step: Step): Change<Task> {
  try {
    return step(task);
  } catch {
    return { state: task, fact: undefined };
  }
}

/** What projects is told of a change. */
function activityOf({ fact }: Change<Task>): TaskActivity | undefined {
  const found = taskActivity.find(({ event }) => event === fact?.event);
  return found?.requestOf(fact?.data)?.activity;
}

function countOf(activity: TaskActivity | undefined): number {
  if (activity === undefined) return 0;
  return activity === TaskActivity.OPENED ? 1 : -1;
}
