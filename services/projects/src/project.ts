import { factOf, type Change } from '@banyan/contracts';
import {
  ProjectArchivedEvent,
  ProjectCreatedEvent,
  ProjectRenamedEvent,
  ProjectState,
  TaskActivity,
  type Project,
} from '@banyan/contracts/projects';
import { TeamState, type Team } from '@banyan/contracts/teams';
import { checkVersion, refused } from '@banyan/service-host/rules';

/** The rules of projects: state and command in, state and event out, or a DomainError. No clock, no SQL, no gRPC. */

export interface NewProject {
  id: string;
  /** The owning team as teams knows it; undefined if it knows none. */
  team: Team | undefined;
  teamId: string;
  name: string;
  now: Date;
}

/** Only an active team takes new projects. */
export function createProject({ id, team, teamId, name, now }: NewProject): Change<Project> {
  if (team === undefined) throw refused('TEAM_NOT_FOUND', `there is no team ${teamId}`, { teamId });
  if (team.state !== TeamState.ACTIVE) {
    throw refused('TEAM_ARCHIVED', `team ${teamId} is archived: it takes no new projects`, { teamId });
  }
  const project: Project = {
    id,
    version: 1,
    teamId,
    name: name.trim(),
    state: ProjectState.ACTIVE,
    openTasks: 0,
    createdAt: now,
    updatedAt: now,
  };
  return { state: project, fact: factOf(ProjectCreatedEvent, { project }) };
}

/** Renaming to the name that it has changes nothing. */
export function renameProject(
  before: Project,
  command: { name: string; expectedVersion: number; now: Date },
): Change<Project> {
  checkVersion('project', before, command.expectedVersion);
  const name = command.name.trim();
  if (before.state !== ProjectState.ACTIVE) throw archived(before);
  if (name === before.name) return { state: before, fact: undefined };
  const project = { ...before, name, version: before.version + 1, updatedAt: command.now };
  return { state: project, fact: factOf(ProjectRenamedEvent, { project, previousName: before.name }) };
}

/** Archiving twice changes nothing. There is no way back. */
export function archiveProject(
  before: Project,
  command: { expectedVersion: number; now: Date },
): Change<Project> {
  checkVersion('project', before, command.expectedVersion);
  if (before.state === ProjectState.ARCHIVED) return { state: before, fact: undefined };
  const state = ProjectState.ARCHIVED;
  const project = { ...before, state, version: before.version + 1, updatedAt: command.now };
  return { state: project, fact: factOf(ProjectArchivedEvent, { project }) };
}

/** What a report of a task adds to the count of open tasks. Archived projects go on counting, down to their last task. */
export function openTasksAdded(activity: TaskActivity): 1 | -1 | undefined {
  if (activity === TaskActivity.OPENED) return 1;
  if (activity === TaskActivity.CLOSED) return -1;
  return undefined;
}

function archived({ id }: Project): Error {
  return refused('PROJECT_ARCHIVED', `project ${id} is archived: nothing changes it any more`, { id });
}
