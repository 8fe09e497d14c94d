import { factOf, type Change } from '@banyan/contracts';
import { ProjectState, type Project } from '@banyan/contracts/projects';
import {
  TaskArchivedEvent,
  TaskAssignedEvent,
  TaskCompletedEvent,
  TaskCreatedEvent,
  TaskRenamedEvent,
  TaskReopenedEvent,
  TaskState,
  TaskUnassignedEvent,
  type Task,
} from '@banyan/contracts/tasks';
import { MembershipState, type Membership } from '@banyan/contracts/teams';
import { checkVersion, refused } from '@banyan/service-host/rules';

/** The rules of tasks: state and command in, state and event out, or a DomainError. No clock, no SQL, no gRPC. */

/** What every command brings with it. */
export interface Command {
  expectedVersion: number;
  now: Date;
}

export interface NewTask {
  id: string;
  project: Project;
  name: string;
  /** Empty: nobody. Must have been checked with `checkAssignee`. */
  assigneeId: string;
  now: Date;
}

export function createTask({ id, project, name, assigneeId, now }: NewTask): Change<Task> {
  const task: Task = {
    id,
    version: 1,
    projectId: project.id,
    teamId: project.teamId,
    name: name.trim(),
    state: TaskState.OPEN,
    assigneeId,
    createdAt: now,
    updatedAt: now,
  };
  return { state: task, fact: factOf(TaskCreatedEvent, { task }) };
}

/**
 * Only an active project takes new tasks.
 *
 * @param project as projects knows it; undefined if it knows none
 */
export function checkProject(projectId: string, project: Project | undefined): Project {
  if (project === undefined) {
    throw refused('PROJECT_NOT_FOUND', `there is no project ${projectId}`, { projectId });
  }
  if (project.state === ProjectState.ACTIVE) return project;
  throw refused('PROJECT_ARCHIVED', `project ${projectId} is archived: it takes no new tasks`, { projectId });
}

/**
 * Only who is in the team now can be given its tasks.
 *
 * @param membership as teams knows it; undefined if it knows none
 */
export function checkAssignee(
  member: { teamId: string; memberId: string },
  membership: Membership | undefined,
): void {
  if (membership?.state === MembershipState.ACTIVE) return;
  const { teamId, memberId } = member;
  throw refused('NOT_A_MEMBER', `${memberId} is not in team ${teamId}`, { teamId, memberId });
}

/** Renaming to the name that it has changes nothing. */
export function renameTask(before: Task, command: Command & { name: string }): Change<Task> {
  admit(before, command);
  const name = command.name.trim();
  if (name === before.name) return unchanged(before);
  const task = next(before, { name }, command.now);
  return { state: task, fact: factOf(TaskRenamedEvent, { task, previousName: before.name }) };
}

/** Assigning to who has it changes nothing. Done tasks can change hands too. */
export function assignTask(before: Task, command: Command & { assigneeId: string }): Change<Task> {
  admit(before, command);
  const { assigneeId, now } = command;
  const previousAssigneeId = before.assigneeId;
  if (assigneeId === previousAssigneeId) return unchanged(before);
  const task = next(before, { assigneeId }, now);
  const data = { task, previousAssigneeId };
  const fact = assigneeId === '' ? factOf(TaskUnassignedEvent, data) : factOf(TaskAssignedEvent, data);
  return { state: task, fact };
}

/** Completing twice changes nothing. */
export function completeTask(before: Task, command: Command): Change<Task> {
  admit(before, command);
  if (before.state === TaskState.DONE) return unchanged(before);
  const task = next(before, { state: TaskState.DONE }, command.now);
  return { state: task, fact: factOf(TaskCompletedEvent, { task }) };
}

/** Reopening an open task changes nothing. */
export function reopenTask(before: Task, command: Command): Change<Task> {
  admit(before, command);
  if (before.state === TaskState.OPEN) return unchanged(before);
  const task = next(before, { state: TaskState.OPEN }, command.now);
  return { state: task, fact: factOf(TaskReopenedEvent, { task }) };
}

/** What its project's archiving does to a task, done or not. Archiving twice changes nothing. */
export function archiveTask(before: Task, now: Date): Change<Task> {
  if (before.state === TaskState.ARCHIVED) return unchanged(before);
  const task = next(before, { state: TaskState.ARCHIVED }, now);
  return { state: task, fact: factOf(TaskArchivedEvent, { task, previousState: before.state }) };
}

/** What its assignee's leaving does to a task. */
export function unassignTask(before: Task, now: Date): Change<Task> {
  return assignTask(before, { assigneeId: '', expectedVersion: 0, now });
}

function admit(task: Task, { expectedVersion }: Command): void {
  checkVersion('task', task, expectedVersion);
  if (task.state !== TaskState.ARCHIVED) return;
  const { id, projectId } = task;
  throw refused('TASK_ARCHIVED', `task ${id} is archived: nothing changes it any more`, { id, projectId });
}

function next(before: Task, changes: Partial<Task>, now: Date): Task {
  return { ...before, ...changes, version: before.version + 1, updatedAt: now };
}

function unchanged(task: Task): Change<Task> {
  return { state: task, fact: undefined };
}
