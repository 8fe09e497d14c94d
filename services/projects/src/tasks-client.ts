import { TasksServiceClient } from '@banyan/contracts/tasks';
import { clientFor, unary, type CallOrigin } from '@banyan/service-host';

/** What projects has tasks do. */
export interface TasksClient {
  /** Edge `projects -> tasks.ArchiveProjectTasks`. */
  archiveProjectTasks: (projectId: string, origin: CallOrigin) => Promise<void>;
  close: () => void;
}

/**
 * The only place where projects meets tasks: what switches an edge's path is put in here.
 *
 * @param address host:port of tasks
 */
export function tasksClient(address: string): TasksClient {
  const client = clientFor(TasksServiceClient, address, { caller: 'projects' });
  return {
    archiveProjectTasks: async (projectId, origin) => {
      await unary(client.archiveProjectTasks.bind(client), { projectId }, origin);
    },
    close: () => client.close(),
  };
}
