import { ProjectState, type Project } from '@banyan/contracts/projects';
import { TaskState, type Task } from '@banyan/contracts/tasks';
import { MembershipState, TeamState, type Membership, type Team } from '@banyan/contracts/teams';
import { ProblemError } from '../problem/problem.js';
import type { Static } from 'typebox';
import type * as schemas from './schemas.js';

export type TeamView = Static<typeof schemas.Team>;
export type MemberView = Static<typeof schemas.Member>;
export type ProjectView = Static<typeof schemas.Project>;
export type TaskView = Static<typeof schemas.Task>;

/** How the services' messages are told in JSON: the same in REST answers and in live events. */

export function teamView(given: Team | undefined): TeamView {
  const { id, version, name, state, projectIds, ...rest } = present('team', given);
  const archived = state === TeamState.ARCHIVED;
  return { id, version, name, state: archived ? 'archived' : 'active', projectIds, ...timesOf(rest) };
}

export function memberView(given: Membership | undefined): MemberView {
  const { id, version, teamId, memberId, state, ...rest } = present('membership', given);
  const left = state === MembershipState.LEFT;
  return { id, version, teamId, memberId, state: left ? 'left' : 'active', ...timesOf(rest) };
}

export function projectView(given: Project | undefined): ProjectView {
  const { id, version, teamId, name, state, openTasks, ...rest } = present('project', given);
  const archived = state === ProjectState.ARCHIVED;
  return { id, version, teamId, name, state: archived ? 'archived' : 'active', openTasks, ...timesOf(rest) };
}

export function taskView(given: Task | undefined): TaskView {
  const { id, version, projectId, teamId, name, state, assigneeId, ...rest } = present('task', given);
  const told = state === TaskState.ARCHIVED ? 'archived' : state === TaskState.DONE ? 'done' : 'open';
  const assignee = assigneeId === '' ? null : assigneeId;
  return { id, version, projectId, teamId, name, state: told, assigneeId: assignee, ...timesOf(rest) };
}

function timesOf({ createdAt, updatedAt }: { createdAt: Date | undefined; updatedAt: Date | undefined }) {
  return {
    createdAt: (createdAt ?? new Date(0)).toISOString(),
    updatedAt: (updatedAt ?? new Date(0)).toISOString(),
  };
}

/** @throws ProblemError for an answer that lacks what it is about */
export function present<T>(what: string, given: T | undefined): T {
  if (given !== undefined) return given;
  throw new ProblemError({
    status: 500,
    code: 'EMPTY_ANSWER',
    detail: `the service answered without the ${what}`,
    remedy: 'Report it: service and gateway are of versions that do not fit.',
  });
}
