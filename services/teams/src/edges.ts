import type { Pool } from 'pg';
import { ProjectsServiceService } from '@banyan/contracts/projects';
import { MemberRemovedEvent } from '@banyan/contracts/teams';
import { trigger, type EdgeProcess } from '@banyan/edge';
import { missingStatus } from '@banyan/service-host';
import { projectReplica, readProject } from './project-replica.js';
import type { TasksClient } from './tasks-client.js';

/** The edges that begin at teams. */

// #region projects.GetProject
/** A team's page shows its projects' names, and only its own projects are attached to a team. */
export function getProjectEdge(edges: EdgeProcess, pool: Pool) {
  const projects = edges.follow({
    name: 'teams-project-replica',
    sources: ['projects'],
    handlers: [projectReplica],
  });
  return edges.query({
    edge: 'teams -> projects.GetProject',
    method: ProjectsServiceService.getProject,
    about: { aggregate: 'projects/project', keyOf: ({ id }) => id },
    replica: { subscriber: projects, read: (request) => readProject(pool, request) },
    compare: { version: ({ project }) => project?.version },
    budget: { stalenessMs: 5000 },
    notFound: ({ id }) => missingStatus('projects', 'project', id),
    sampleShare: 0.5,
  });
}
// #endregion

// #region tasks.UnassignMember
/** The tasks of a member who leaves become unassigned. */
export function unassignMemberEdge(edges: EdgeProcess, tasks: TasksClient) {
  return edges.reaction({
    edge: 'teams -> tasks.UnassignMember',
    triggers: [
      trigger(
        MemberRemovedEvent,
        ({ membership }) => membership && { teamId: membership.teamId, memberId: membership.memberId },
      ),
    ],
    call: (member, origin) => tasks.unassignMember(member, origin),
  });
}
// #endregion
