import { ProjectState, type Project } from '@banyan/contracts/projects';
import type { Queryable } from '@banyan/runtime';
import type { Page } from '@banyan/service-host';

/** The SQL of projects. Each function runs in the caller's transaction, if it has one: a rollback undoes what it wrote. */

const COLUMNS = 'id, team_id, name, state, open_tasks, version, created_at, updated_at';

const INSERT = `insert into project (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8)`;

const UPDATE = `
  update project set name = $3, state = $4, version = $5, updated_at = $6
  where id = $1 and version = $2
  returning version`;

const ADD_OPEN_TASKS = `
  update project set open_tasks = open_tasks + $2, version = version + 1, updated_at = $3
  where id = $1
  returning ${COLUMNS}`;

const LIST = `
  select ${COLUMNS} from project
  where ($1::uuid is null or team_id = $1) and ($2::uuid is null or id > $2)
  order by id limit $3`;

interface ProjectRow {
  id: string;
  team_id: string;
  name: string;
  state: 'active' | 'archived';
  open_tasks: number;
  // bigint: pg hands it out as text.
  version: string;
  created_at: Date;
  updated_at: Date;
}

export async function findProject(db: Queryable, id: string): Promise<Project | undefined> {
  const { rows } = await db.query<ProjectRow>(`select ${COLUMNS} from project where id = $1`, [id]);
  return rows.map(projectOf)[0];
}

/** Reads a project and keeps others from changing it until the transaction ends. */
export async function lockProject(tx: Queryable, id: string): Promise<Project | undefined> {
  const { rows } = await tx.query<ProjectRow>(`select ${COLUMNS} from project where id = $1 for update`, [
    id,
  ]);
  return rows.map(projectOf)[0];
}

/** The projects of these ids, in any order. */
export async function readProjects(db: Queryable, ids: readonly string[]): Promise<Project[]> {
  const { rows } = await db.query<ProjectRow>(`select ${COLUMNS} from project where id = any ($1)`, [ids]);
  return rows.map(projectOf);
}

/** One page and one row more, by id. An empty `teamId` lists the projects of all teams. */
export async function listProjects(db: Queryable, page: Page, teamId: string): Promise<Project[]> {
  const values = [teamId === '' ? null : teamId, page.after ?? null, page.size + 1];
  const { rows } = await db.query<ProjectRow>(LIST, values);
  return rows.map(projectOf);
}

export async function insertProject(tx: Queryable, project: Project): Promise<void> {
  const { id, teamId, name, state, openTasks, version, createdAt, updatedAt } = project;
  await tx.query(INSERT, [id, teamId, name, columnOf(state), openTasks, version, createdAt, updatedAt]);
}

/** Writes what a rule decided over the version that it was decided on. */
export async function updateProject(tx: Queryable, before: Project, after: Project): Promise<void> {
  const { name, state, version, updatedAt } = after;
  const values = [before.id, before.version, name, columnOf(state), version, updatedAt];
  const { rowCount } = await tx.query(UPDATE, values);
  if (rowCount !== 1)
    throw new Error(`project ${before.id} left version ${before.version} while it was locked`);
}

/** Counts in one statement, whatever version the row has. Undefined: there is no such project. */
export async function addOpenTasks(
  tx: Queryable,
  report: { projectId: string; added: number; now: Date },
): Promise<Project | undefined> {
  const { rows } = await tx.query<ProjectRow>(ADD_OPEN_TASKS, [report.projectId, report.added, report.now]);
  return rows.map(projectOf)[0];
}

function projectOf(row: ProjectRow): Project {
  return {
    id: row.id,
    version: Number(row.version),
    teamId: row.team_id,
    name: row.name,
    state: row.state === 'active' ? ProjectState.ACTIVE : ProjectState.ARCHIVED,
    openTasks: row.open_tasks,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function columnOf(state: ProjectState): ProjectRow['state'] {
  if (state === ProjectState.ACTIVE) return 'active';
  if (state === ProjectState.ARCHIVED) return 'archived';
  throw new Error(`a project cannot be kept in state ${state}`);
}
