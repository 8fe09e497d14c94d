import { status as Code } from '@grpc/grpc-js';
import {
  ProjectsServiceClient,
  type Project,
  type RecordTaskActivityRequest,
} from '@banyan/contracts/projects';
import type { ReactionOrigin } from '@banyan/edge';
import { clientFor, isServiceError, unary, type CallOrigin, type ClientWiring } from '@banyan/service-host';

/** What tasks asks of projects and tells them. */
export interface ProjectsClient {
  /** Edge `tasks -> projects.GetProject`. Undefined: there is no such project. */
  getProject: (id: string, origin: CallOrigin) => Promise<Project | undefined>;
  /** Edge `tasks -> projects.RecordTaskActivity`. */
  recordTaskActivity: (report: RecordTaskActivityRequest, origin: ReactionOrigin) => Promise<void>;
  close: () => void;
}

/**
 * The only place where tasks meets projects: what switches an edge's path is put in here.
 *
 * @param address host:port of projects
 */
export function projectsClient(address: string, wiring: ClientWiring = {}): ProjectsClient {
  const client = clientFor(ProjectsServiceClient, address, { caller: 'tasks', ...wiring });
  return {
    getProject: async (id, origin) => {
      try {
        return (await unary(client.getProject.bind(client), { id }, origin)).project;
      } catch (error) {
        if (isServiceError(error) && error.code === Code.NOT_FOUND) return undefined;
        throw error;
      }
    },
    recordTaskActivity: async (report, origin) => {
      await unary(client.recordTaskActivity.bind(client), report, origin);
    },
    close: () => client.close(),
  };
}
