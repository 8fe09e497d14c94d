import {
  ProjectArchivedEvent,
  ProjectCreatedEvent,
  ProjectRenamedEvent,
  ProjectSnapshotEvent,
  ProjectState,
  TaskActivityRecordedEvent,
  type GetProjectRequest,
  type GetProjectResponse,
  type Project,
} from '@banyan/contracts/projects';
import type { Queryable } from '@banyan/runtime';
import { isId } from '@banyan/service-host/rules';
import { replica, rowFrom, type ReplicaRow } from '@banyan/subscriber';

/** What teams keeps of projects: one row each, as it was after the project's last event. */
export const projectReplica = replica({
  table: 'project_replica',
  key: 'project_id',
  columns: ['project_id', 'team_id', 'name', 'state', 'open_tasks', 'version', 'created_at', 'updated_at'],
  version: 'version',
  mappings: [
    rowFrom(ProjectCreatedEvent, ({ project }) => rowOf(project)),
    rowFrom(ProjectRenamedEvent, ({ project }) => rowOf(project)),
    rowFrom(ProjectArchivedEvent, ({ project }) => rowOf(project)),
    rowFrom(TaskActivityRecordedEvent, ({ project }) => rowOf(project)),
    rowFrom(ProjectSnapshotEvent, ({ project }) => rowOf(project)),
  ],
});

const READ = `
select project_id, team_id, name, state, open_tasks, version, created_at, updated_at
from project_replica where project_id = $1`;

interface Row {
  project_id: string;
  team_id: string;
  name: string;
  state: 'active' | 'archived';
  open_tasks: number;
  version: string;
  created_at: Date;
  updated_at: Date;
}

/** The answer that `projects.GetProject` gives; undefined if there is no such project. */
export async function readProject(
  db: Queryable,
  { id }: GetProjectRequest,
): Promise<GetProjectResponse | undefined> {
  if (!isId(id)) return undefined;
  const { rows } = await db.query<Row>(READ, [id]);
  const [row] = rows;
  return row === undefined ? undefined : { project: projectOf(row) };
}

function rowOf(project: Project | undefined): ReplicaRow {
  if (project?.createdAt === undefined || project.updatedAt === undefined) {
    throw new Error('the event carries no whole project');
  }
  return {
    project_id: project.id,
    team_id: project.teamId,
    name: project.name,
    state: project.state === ProjectState.ARCHIVED ? 'archived' : 'active',
    open_tasks: project.openTasks,
    version: project.version,
    created_at: project.createdAt,
    updated_at: project.updatedAt,
  };
}

function projectOf(row: Row): Project {
  return {
    id: row.project_id,
    teamId: row.team_id,
    name: row.name,
    state: row.state === 'archived' ? ProjectState.ARCHIVED : ProjectState.ACTIVE,
    openTasks: row.open_tasks,
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
