import { TasksServiceClient, type UnassignMemberRequest } from '@banyan/contracts/tasks';
import type { ReactionOrigin } from '@banyan/edge';
import { clientFor, unary, type ClientWiring } from '@banyan/service-host';

/** What teams has tasks do. */
export interface TasksClient {
  /** Edge `teams -> tasks.UnassignMember`. */
  unassignMember: (member: UnassignMemberRequest, origin: ReactionOrigin) => Promise<void>;
  close: () => void;
}

/**
 * The only place where teams meets tasks: what switches an edge's path is put in here.
 *
 * @param address host:port of tasks
 */
export function tasksClient(address: string, wiring: ClientWiring = {}): TasksClient {
  const client = clientFor(TasksServiceClient, address, { caller: 'teams', ...wiring });
  return {
    unassignMember: async (member, origin) => {
      await unary(client.unassignMember.bind(client), member, origin);
    },
    close: () => client.close(),
  };
}
