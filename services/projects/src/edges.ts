import type { Pool } from 'pg';
import { TeamsServiceService } from '@banyan/contracts/teams';
import type { EdgeProcess } from '@banyan/edge';
import { missingStatus } from '@banyan/service-host';
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
    sampleShare: 0.2,
  });
}
// #endregion
