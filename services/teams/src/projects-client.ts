import { status as Code } from '@grpc/grpc-js';
import { ProjectsServiceClient, type Project } from '@banyan/contracts/projects';
import { clientFor, isServiceError, unary, type CallOrigin, type ClientWiring } from '@banyan/service-host';

/** What teams asks of projects. */
export interface ProjectsClient {
  /** Edge `teams -> projects.GetProject`. Undefined: there is no such project. */
  getProject: (id: string, origin: CallOrigin) => Promise<Project | undefined>;
  close: () => void;
}

/**
 * The only place where teams meets projects: what switches an edge's path is put in here.
 *
 * @param address host:port of projects
 */
export function projectsClient(address: string, wiring: ClientWiring = {}): ProjectsClient {
  const client = clientFor(ProjectsServiceClient, address, { caller: 'teams', ...wiring });
  return {
    getProject: async (id, origin) => {
      try {
        return (await unary(client.getProject.bind(client), { id }, origin)).project;
      } catch (error) {
        if (isServiceError(error) && error.code === Code.NOT_FOUND) return undefined;
        throw error;
      }
    },
    close: () => client.close(),
  };
}
