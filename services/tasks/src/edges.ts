import type { Pool } from 'pg';
import { ProjectsServiceService } from '@banyan/contracts/projects';
import { TeamsServiceService } from '@banyan/contracts/teams';
import type { EdgeProcess } from '@banyan/edge';
import { missingStatus } from '@banyan/service-host';
import { membershipIdOf, membershipReplica, readMembership } from './membership-replica.js';
import { projectReplica, readProject } from './project-replica.js';
import type { ProjectsClient } from './projects-client.js';
import { taskActivity } from './task-activity.js';

/** The edges that begin at tasks. */

/** How old a replica's answer may be, in ms: tasks may be created in a project archived no longer ago than that. */
const BUDGET = { stalenessMs: 5000 };

// #region projects.GetProject
/** A task is created only in an active project. */
export function getProjectEdge(edges: EdgeProcess, pool: Pool) {
  const projects = edges.follow({
    name: 'tasks-project-replica',
    sources: ['projects'],
    handlers: [projectReplica],
  });
  return edges.query({
    edge: 'tasks -> projects.GetProject',
    method: ProjectsServiceService.getProject,
    about: { aggregate: 'projects/project', keyOf: ({ id }) => id },
    replica: { subscriber: projects, read: (request) => readProject(pool, request) },
    compare: { version: ({ project }) => project?.version },
    budget: BUDGET,
    notFound: ({ id }) => missingStatus('projects', 'project', id),
    sampleShare: 0.5,
  });
}
// #endregion

// #region teams.GetMembership
/** An assignee must be a member. */
export function getMembershipEdge(edges: EdgeProcess, pool: Pool) {
  const teams = edges.follow({
    name: 'tasks-membership-replica',
    sources: ['teams'],
    handlers: [membershipReplica],
  });
  return edges.query({
    edge: 'tasks -> teams.GetMembership',
    method: TeamsServiceService.getMembership,
    about: { aggregate: 'teams/membership', keyOf: membershipIdOf },
    replica: { subscriber: teams, read: (request) => readMembership(pool, request) },
    compare: { version: ({ membership }) => membership?.version },
    budget: BUDGET,
    ramp: { by: 'team', keyOf: ({ teamId }) => teamId },
    notFound: (request) => missingStatus('teams', 'membership', membershipIdOf(request)),
    sampleShare: 0.5,
  });
}
// #endregion

// #region projects.RecordTaskActivity
/** A project counts its open tasks. */
export function recordTaskActivityEdge(edges: EdgeProcess, projects: ProjectsClient) {
  return edges.reaction({
    edge: 'tasks -> projects.RecordTaskActivity',
    triggers: taskActivity,
    call: (report, origin) => projects.recordTaskActivity(report, origin),
  });
}
// #endregion
