import {
  ProjectAttachedEvent,
  TeamArchivedEvent,
  TeamCreatedEvent,
  TeamRenamedEvent,
  TeamSnapshotEvent,
  TeamState,
  type GetTeamRequest,
  type GetTeamResponse,
  type Team,
} from '@banyan/contracts/teams';
import type { Queryable } from '@banyan/runtime';
import { isId } from '@banyan/service-host/rules';
import { replica, rowFrom, type ReplicaRow } from '@banyan/subscriber';

/** What projects keeps of teams: one row each, as it was after the team's last event. */
export const teamReplica = replica({
  table: 'team_replica',
  key: 'team_id',
  columns: ['team_id', 'name', 'state', 'project_ids', 'version', 'created_at', 'updated_at'],
  version: 'version',
  mappings: [
    rowFrom(TeamCreatedEvent, ({ team }) => rowOf(team)),
    rowFrom(TeamRenamedEvent, ({ team }) => rowOf(team)),
    rowFrom(TeamArchivedEvent, ({ team }) => rowOf(team)),
    rowFrom(ProjectAttachedEvent, ({ team }) => rowOf(team)),
    rowFrom(TeamSnapshotEvent, ({ team }) => rowOf(team)),
  ],
});

const READ = `
select team_id, name, state, project_ids, version, created_at, updated_at
from team_replica where team_id = $1`;

interface Row {
  team_id: string;
  name: string;
  state: 'active' | 'archived';
  project_ids: string[];
  // bigint: pg hands it out as text.
  version: string;
  created_at: Date;
  updated_at: Date;
}

/** The answer that `teams.GetTeam` gives; undefined if there is no such team. */
export async function readTeam(db: Queryable, { id }: GetTeamRequest): Promise<GetTeamResponse | undefined> {
  if (!isId(id)) return undefined;
  const { rows } = await db.query<Row>(READ, [id]);
  const [row] = rows;
  return row === undefined ? undefined : { team: teamOf(row) };
}

function rowOf(team: Team | undefined): ReplicaRow {
  if (team?.createdAt === undefined || team.updatedAt === undefined) {
    throw new Error('the event carries no whole team');
  }
  return {
    team_id: team.id,
    name: team.name,
    state: team.state === TeamState.ARCHIVED ? 'archived' : 'active',
    project_ids: team.projectIds,
    version: team.version,
    created_at: team.createdAt,
    updated_at: team.updatedAt,
  };
}

function teamOf(row: Row): Team {
  return {
    id: row.team_id,
    version: Number(row.version),
    name: row.name,
    state: row.state === 'archived' ? TeamState.ARCHIVED : TeamState.ACTIVE,
    projectIds: row.project_ids,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
