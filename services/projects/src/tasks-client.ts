import { TasksServiceClient, type ArchiveProjectTasksRequest } from '@banyan/contracts/tasks';
import type { ReactionOrigin } from '@banyan/edge';
import { clientFor, unary, type ClientWiring } from '@banyan/service-host';

/** What projects has tasks do. */
export interface TasksClient {
  /** Edge `projects -> tasks.ArchiveProjectTasks`. */
  archiveProjectTasks: (request: ArchiveProjectTasksRequest, origin: ReactionOrigin) => Promise<void>;
  close: () => void;
}

/**
 * The only place where projects meets tasks: what switches an edge's path is put in here.
 *
 * @param address host:port of tasks
 */
export function tasksClient(address: string, wiring: ClientWiring = {}): TasksClient {
  const client = clientFor(TasksServiceClient, address, { caller: 'projects', ...wiring });
  return {
    archiveProjectTasks: async (request, origin) => {
      await unary(client.archiveProjectTasks.bind(client), request, origin);
    },
    close: () => client.close(),
  };
}
