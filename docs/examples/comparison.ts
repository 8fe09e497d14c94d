// The code of docs/edges/comparison.md and docs/edges/shadow.md: `npm run docs` copies the regions into the pages.
import { TeamsServiceService, type GetTeamRequest, type GetTeamResponse } from '@banyan/contracts/teams';
import type { StageWatch } from '@banyan/control';
import { queryEdge, type EdgeReplica, type QueryEdge } from '@banyan/edge';

type TeamEdge = QueryEdge<GetTeamRequest, GetTeamResponse>;

export function compared(
  stages: StageWatch,
  replica: EdgeReplica<GetTeamRequest, GetTeamResponse>,
): TeamEdge {
  // #region rules
  const edge = queryEdge({
    edge: 'projects -> teams.GetTeam',
    method: TeamsServiceService.getTeam,
    replica,
    stages,
    budget: { stalenessMs: 5_000 },
    compare: {
      version: ({ team }) => team?.version,
      ignore: ['team.updated_at'],
      unordered: ['team.project_ids'],
      tolerance: { 'team.created_at': 1 },
      equal: { 'team.name': (provider, replica) => String(provider).trim() === replica },
      sensitive: ['team.name', 'request.id'],
    },
  });
  // #endregion
  return edge;
}

export function bounded(stages: StageWatch, replica: EdgeReplica<GetTeamRequest, GetTeamResponse>): TeamEdge {
  // #region bounds
  const edge = queryEdge({
    edge: 'projects -> teams.GetTeam',
    method: TeamsServiceService.getTeam,
    replica,
    stages,
    budget: { stalenessMs: 5_000 },
    compare: { version: ({ team }) => team?.version },
    shadowShare: 0.1,
    queueLimit: 200,
    comparisonsAtOnce: 8,
    compareTimeoutMs: 500,
  });
  // #endregion
  return edge;
}
