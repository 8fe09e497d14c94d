import { factOf, type Change } from '@banyan/contracts';
import type { Project } from '@banyan/contracts/projects';
import {
  ProjectAttachedEvent,
  TeamArchivedEvent,
  TeamCreatedEvent,
  TeamRenamedEvent,
  TeamState,
  type Team,
} from '@banyan/contracts/teams';
import { checkVersion, refused } from '@banyan/service-host/rules';

/** The rules of teams: state and command in, state and event out, or a DomainError. No clock, no SQL, no gRPC. */

export const MAX_PROJECTS = 100;

export function createTeam({ id, name, now }: { id: string; name: string; now: Date }): Change<Team> {
  const team: Team = {
    id,
    version: 1,
    name: name.trim(),
    state: TeamState.ACTIVE,
    projectIds: [],
    createdAt: now,
    updatedAt: now,
  };
  return { state: team, fact: factOf(TeamCreatedEvent, { team }) };
}

/** Renaming to the name that it has changes nothing. */
export function renameTeam(
  before: Team,
  command: { name: string; expectedVersion: number; now: Date },
): Change<Team> {
  checkVersion('team', before, command.expectedVersion);
  refuseArchived(before);
  const name = command.name.trim();
  if (name === before.name) return { state: before, fact: undefined };
  const team = { ...before, name, version: before.version + 1, updatedAt: command.now };
  return { state: team, fact: factOf(TeamRenamedEvent, { team, previousName: before.name }) };
}

/** Archiving twice changes nothing. There is no way back. */
export function archiveTeam(before: Team, command: { expectedVersion: number; now: Date }): Change<Team> {
  checkVersion('team', before, command.expectedVersion);
  if (before.state === TeamState.ARCHIVED) return { state: before, fact: undefined };
  const state = TeamState.ARCHIVED;
  const team = { ...before, state, version: before.version + 1, updatedAt: command.now };
  return { state: team, fact: factOf(TeamArchivedEvent, { team }) };
}

export interface AttachProject {
  projectId: string;
  /** The project as projects knows it; undefined if it knows none. */
  project: Project | undefined;
  expectedVersion: number;
  now: Date;
}

/** Only a project that the team owns is put on its page, and only once. */
export function attachProject(before: Team, command: AttachProject): Change<Team> {
  const { projectId, project, expectedVersion, now } = command;
  checkVersion('team', before, expectedVersion);
  refuseArchived(before);
  refuseForeign(before, projectId, project);
  if (before.projectIds.includes(projectId)) return { state: before, fact: undefined };
  if (before.projectIds.length >= MAX_PROJECTS) {
    const seen = { id: before.id, projects: String(before.projectIds.length) };
    throw refused('TOO_MANY_PROJECTS', `team ${before.id} has ${MAX_PROJECTS} projects already`, seen);
  }
  const projectIds = [...before.projectIds, projectId];
  const team = { ...before, projectIds, version: before.version + 1, updatedAt: now };
  return { state: team, fact: factOf(ProjectAttachedEvent, { team, projectId }) };
}

/** @throws DomainError: an archived team is changed by nothing, and takes no members */
export function refuseArchived({ id, state }: Team): void {
  if (state === TeamState.ACTIVE) return;
  throw refused('TEAM_ARCHIVED', `team ${id} is archived: nothing changes it any more`, { id });
}

function refuseForeign(team: Team, projectId: string, project: Project | undefined): void {
  if (project === undefined) {
    throw refused('PROJECT_NOT_FOUND', `there is no project ${projectId}`, { projectId });
  }
  if (project.teamId === team.id) return;
  const seen = { projectId, teamId: project.teamId };
  throw refused('PROJECT_OF_ANOTHER_TEAM', `project ${projectId} is owned by team ${project.teamId}`, seen);
}
