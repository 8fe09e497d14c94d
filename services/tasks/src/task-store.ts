import { TaskState, type Task } from '@banyan/contracts/tasks';
import type { Queryable } from '@banyan/runtime';
import type { Page } from '@banyan/service-host';

/** The SQL of tasks. Each function runs in the caller's transaction, if it has one: a rollback undoes what it wrote. */

const COLUMNS = 'id, project_id, team_id, name, state, assignee_id, version, created_at, updated_at';

const INSERT = `insert into task (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

const UPDATE = `
  update task set name = $3, state = $4, assignee_id = $5, version = $6, updated_at = $7
  where id = $1 and version = $2`;

const LIST = `
  select ${COLUMNS} from task
  where ($1::uuid is null or project_id = $1)
    and ($2::text is null or assignee_id = $2)
    and ($3::uuid is null or id > $3)
  order by id limit $4`;

// In the order of ids, so that two of these never wait for each other in a circle.
const LOCK_UNARCHIVED = `
  select ${COLUMNS} from task
  where project_id = $1 and state <> 'archived'
  order by id limit $2 for update`;

const LOCK_ASSIGNED = `
  select ${COLUMNS} from task
  where team_id = $1 and assignee_id = $2 and state <> 'archived'
  order by id limit $3 for update`;

interface TaskRow {
  id: string;
  project_id: string;
  team_id: string;
  name: string;
  state: keyof typeof STATES;
  assignee_id: string | null;
  // bigint: pg hands it out as text.
  version: string;
  created_at: Date;
  updated_at: Date;
}

const STATES = { open: TaskState.OPEN, done: TaskState.DONE, archived: TaskState.ARCHIVED } as const;

export async function findTask(db: Queryable, id: string): Promise<Task | undefined> {
  const { rows } = await db.query<TaskRow>(`select ${COLUMNS} from task where id = $1`, [id]);
  return rows.map(taskOf)[0];
}

/** Reads a task and keeps others from changing it until the transaction ends. */
export async function lockTask(tx: Queryable, id: string): Promise<Task | undefined> {
  const { rows } = await tx.query<TaskRow>(`select ${COLUMNS} from task where id = $1 for update`, [id]);
  return rows.map(taskOf)[0];
}

/** The tasks of these ids, in any order. */
export async function readTasks(db: Queryable, ids: readonly string[]): Promise<Task[]> {
  const { rows } = await db.query<TaskRow>(`select ${COLUMNS} from task where id = any ($1)`, [ids]);
  return rows.map(taskOf);
}

/** Locks up to `limit` tasks of a project that are not archived yet. */
export async function lockUnarchived(tx: Queryable, projectId: string, limit: number): Promise<Task[]> {
  const { rows } = await tx.query<TaskRow>(LOCK_UNARCHIVED, [projectId, limit]);
  return rows.map(taskOf);
}

/** Locks up to `limit` tasks that a member of a team has and that are not archived. */
export async function lockAssigned(
  tx: Queryable,
  member: { teamId: string; memberId: string },
  limit: number,
): Promise<Task[]> {
  const { rows } = await tx.query<TaskRow>(LOCK_ASSIGNED, [member.teamId, member.memberId, limit]);
  return rows.map(taskOf);
}

/** One page and one row more, by id. What is empty in the filter does not filter. */
export async function listTasks(
  db: Queryable,
  page: Page,
  filter: { projectId: string; assigneeId: string },
): Promise<Task[]> {
  const { projectId, assigneeId } = filter;
  const values = [orNull(projectId), orNull(assigneeId), page.after ?? null, page.size + 1];
  const { rows } = await db.query<TaskRow>(LIST, values);
  return rows.map(taskOf);
}

export async function insertTask(tx: Queryable, task: Task): Promise<void> {
  const { id, projectId, teamId, name, state, assigneeId, version, createdAt, updatedAt } = task;
  const owner = [id, projectId, teamId];
  await tx.query(INSERT, [
    ...owner,
    name,
    columnOf(state),
    orNull(assigneeId),
    version,
    createdAt,
    updatedAt,
  ]);
}

/** Writes what a rule decided over the version that it was decided on. */
export async function updateTask(tx: Queryable, before: Task, after: Task): Promise<void> {
  const { name, state, assigneeId, version, updatedAt } = after;
  const values = [before.id, before.version, name, columnOf(state), orNull(assigneeId), version, updatedAt];
  const { rowCount } = await tx.query(UPDATE, values);
  if (rowCount !== 1) throw new Error(`task ${before.id} left version ${before.version} while it was locked`);
}

function taskOf(row: TaskRow): Task {
  return {
    id: row.id,
    version: Number(row.version),
    projectId: row.project_id,
    teamId: row.team_id,
    name: row.name,
    state: STATES[row.state],
    assigneeId: row.assignee_id ?? '',
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function columnOf(state: TaskState): TaskRow['state'] {
  if (state === TaskState.OPEN) return 'open';
  if (state === TaskState.DONE) return 'done';
  if (state === TaskState.ARCHIVED) return 'archived';
  throw new Error(`a task cannot be kept in state ${state}`);
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
