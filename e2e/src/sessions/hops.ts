import { status as Code } from '@grpc/grpc-js';
import {
  ProjectsServiceClient,
  type GetProjectRequest,
  type GetProjectResponse,
  type ListProjectsRequest,
  type ListProjectsResponse,
  type RenameProjectRequest,
  type RenameProjectResponse,
} from '@banyan/contracts/projects';
import type { GuardedEdge } from '@banyan/edge';
import {
  clientFor,
  isServiceError,
  serve,
  unary,
  unaryService,
  type CallContext,
  type ServiceHost,
} from '@banyan/service-host';
import { missing } from '@banyan/service-host/rules';
import { METHODS } from './provider.js';

/** A service that asks the next one for everything, over its edges if it has some. */
export class Hop {
  readonly host: ServiceHost;
  readonly #client: ProjectsServiceClient;

  private constructor(host: ServiceHost, client: ProjectsServiceClient) {
    this.host = host;
    this.#client = client;
  }

  static async start(name: string, next: string, edges: readonly GuardedEdge[] = []): Promise<Hop> {
    const client = clientFor(ProjectsServiceClient, next, { caller: name, edges });
    const host = await serve({ name, services: [unaryService(METHODS, new Forwards(client))] });
    return new Hop(host, client);
  }

  async stop(): Promise<void> {
    await this.host.stop();
    this.#client.close();
  }
}

class Forwards {
  readonly #next: ProjectsServiceClient;

  constructor(next: ProjectsServiceClient) {
    this.#next = next;
  }

  async getProject(request: GetProjectRequest, context: CallContext): Promise<GetProjectResponse> {
    try {
      return await unary(this.#next.getProject.bind(this.#next), request, context);
    } catch (error) {
      if (isServiceError(error) && error.code === Code.NOT_FOUND) throw missing('project', request.id);
      throw error;
    }
  }

  listProjects(request: ListProjectsRequest, context: CallContext): Promise<ListProjectsResponse> {
    return unary(this.#next.listProjects.bind(this.#next), request, context);
  }

  renameProject(request: RenameProjectRequest, context: CallContext): Promise<RenameProjectResponse> {
    return unary(this.#next.renameProject.bind(this.#next), request, context);
  }
}
