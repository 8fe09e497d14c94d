// The code of docs/edges/reactions.md: `npm run docs` copies the regions into the page.
import { ProjectArchivedEvent, type Project } from '@banyan/contracts/projects';
import { TasksServiceService, type TasksServiceClient } from '@banyan/contracts/tasks';
import { reactions, trigger, type EdgeProcess, type Reactions } from '@banyan/edge';
import { domainRefusals, inTransaction, unary, type TransactionTime } from '@banyan/service-host';
import type { Pool, PoolClient } from 'pg';

export function caller(edges: EdgeProcess, tasks: TasksServiceClient): Reactions {
  // #region caller
  const archiveTasks = edges.reaction({
    edge: 'projects -> tasks.ArchiveProjectTasks',
    triggers: [trigger(ProjectArchivedEvent, ({ project }) => project && { projectId: project.id })],
    call: (request, origin) => unary(tasks.archiveProjectTasks.bind(tasks), request, origin),
  });
  const follow = reactions(archiveTasks);
  // #endregion
  return follow;
}

export function archive(
  pool: Pool,
  follow: Reactions,
  { id, context }: { id: string; context: TransactionTime },
): Promise<Project> {
  // #region emit
  return follow.transaction(
    (work: (tx: PoolClient) => Promise<Project>) => inTransaction(pool, context, work),
    async (tx, emit) => {
      const project = await archiveRow(tx, id);
      await emit(ProjectArchivedEvent, { project });
      return project;
    },
  );
  // #endregion
}

async function archiveRow(tx: PoolClient, id: string): Promise<Project> {
  const { rows } = await tx.query<Project>(
    `update project set state = 2, version = version + 1 where id = $1
     returning id, version::float8, state, '' as "teamId", '' as name, 0 as "openTasks"`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no project ${id}`);
  return row;
}

export function receiver(edges: EdgeProcess, pool: Pool) {
  // #region receiver
  const archiveProjectTasks = edges.receiver({
    edge: 'projects -> tasks.ArchiveProjectTasks',
    method: TasksServiceService.archiveProjectTasks,
    triggers: [trigger(ProjectArchivedEvent, ({ project }) => project && { projectId: project.id })],
    effect: async (tx, { projectId }) => {
      const { rowCount } = await tx.query(ARCHIVE_ALL, [projectId]);
      return { archived: rowCount ?? 0 };
    },
    refusals: domainRefusals,
    pool,
  });
  edges.react({ name: 'tasks-reactions', receivers: [archiveProjectTasks] });
  // What the service serves as its method ArchiveProjectTasks: archiveProjectTasks.method
  // #endregion
  return archiveProjectTasks;
}

const ARCHIVE_ALL = `update task set archived = true where project_id = $1 and not archived`;
