import { TeamState, type Team } from '@banyan/contracts/teams';
import type { Queryable } from '@banyan/runtime';
import type { Page } from '@banyan/service-host';

/** The SQL of teams. Each function runs in the caller's transaction, if it has one: a rollback undoes what it wrote. */

const COLUMNS = 'id, name, state, project_ids, version, created_at, updated_at';

const INSERT = `insert into team (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)`;

const UPDATE = `
  update team set name = $3, state = $4, project_ids = $5, version = $6, updated_at = $7
  where id = $1 and version = $2`;

const LIST = `
  select ${COLUMNS} from team
  where $1::uuid is null or id > $1
  order by id limit $2`;

interface TeamRow {
  id: string;
  name: string;
  state: 'active' | 'archived';
  project_ids: string[];
  // bigint: pg hands it out as text.
  version: string;
  created_at: Date;
  updated_at: Date;
}

export async function findTeam(db: Queryable, id: string): Promise<Team | undefined> {
  const { rows } = await db.query<TeamRow>(`select ${COLUMNS} from team where id = $1`, [id]);
  return rows.map(teamOf)[0];
}

/** Reads a team and keeps others from changing it until the transaction ends. */
export async function lockTeam(tx: Queryable, id: string): Promise<Team | undefined> {
  const { rows } = await tx.query<TeamRow>(`select ${COLUMNS} from team where id = $1 for update`, [id]);
  return rows.map(teamOf)[0];
}

/** The teams of these ids, in any order. */
export async function readTeams(db: Queryable, ids: readonly string[]): Promise<Team[]> {
  const { rows } = await db.query<TeamRow>(`select ${COLUMNS} from team where id = any ($1)`, [ids]);
  return rows.map(teamOf);
}

/** One page and one row more, by id. */
export async function listTeams(db: Queryable, page: Page): Promise<Team[]> {
  const { rows } = await db.query<TeamRow>(LIST, [page.after ?? null, page.size + 1]);
  return rows.map(teamOf);
}

export async function insertTeam(tx: Queryable, team: Team): Promise<void> {
  const { id, name, state, projectIds, version, createdAt, updatedAt } = team;
  await tx.query(INSERT, [id, name, columnOf(state), projectIds, version, createdAt, updatedAt]);
}

/** Writes what a rule decided over the version that it was decided on. */
export async function updateTeam(tx: Queryable, before: Team, after: Team): Promise<void> {
  const { name, state, projectIds, version, updatedAt } = after;
  const values = [before.id, before.version, name, columnOf(state), projectIds, version, updatedAt];
  const { rowCount } = await tx.query(UPDATE, values);
  if (rowCount !== 1) throw new Error(`team ${before.id} left version ${before.version} while it was locked`);
}

function teamOf(row: TeamRow): Team {
  return {
    id: row.id,
    version: Number(row.version),
    name: row.name,
    state: row.state === 'active' ? TeamState.ACTIVE : TeamState.ARCHIVED,
    projectIds: row.project_ids,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function columnOf(state: TeamState): TeamRow['state'] {
  if (state === TeamState.ACTIVE) return 'active';
  if (state === TeamState.ARCHIVED) return 'archived';
  throw new Error(`a team cannot be kept in state ${state}`);
}
