import type { Pool } from 'pg';
import { ProjectArchivedEvent } from '@banyan/contracts/projects';
import { TeamsServiceService } from '@banyan/contracts/teams';
import { trigger, type EdgeProcess } from '@banyan/edge';
import { missingStatus } from '@banyan/service-host';
import type { TasksClient } from './tasks-client.js';
import { readTeam, teamReplica } from './team-replica.js';

/** The edges that begin at projects. */

// #region teams.GetTeam
/** A project is created only in an active team, and shows the team that owns it. */
export function getTeamEdge(edges: EdgeProcess, pool: Pool) {
  const teams = edges.follow({
    name: 'projects-team-replica',
    sources: ['teams'],
    handlers: [teamReplica],
  });
  return edges.query({
    edge: 'projects -> teams.GetTeam',
    method: TeamsServiceService.getTeam,
    about: { aggregate: 'teams/team', keyOf: ({ id }) => id },
    replica: { subscriber: teams, read: (request) => readTeam(pool, request) },
    compare: { version: ({ team }) => team?.version },
    budget: { stalenessMs: 5000 },
    notFound: ({ id }) => missingStatus('teams', 'team', id),
    sampleShare: 0.5,
  });
}
// #endregion

// #region tasks.ArchiveProjectTasks
/** Archiving a project archives its tasks. */
export function archiveProjectTasksEdge(edges: EdgeProcess, tasks: TasksClient) {
  return edges.reaction({
    edge: 'projects -> tasks.ArchiveProjectTasks',
    triggers: [trigger(ProjectArchivedEvent, ({ project }) => project && { projectId: project.id })],
    call: (request, origin) => tasks.archiveProjectTasks(request, origin),
  });
}
// #endregion
