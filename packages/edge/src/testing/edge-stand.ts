import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  credentials,
  Server,
  ServerCredentials,
  status,
  type CallOptions,
  type Interceptor,
  type ServerInterceptor,
  type handleUnaryCall,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  GetProjectResponse,
  ProjectsServiceClient,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';
import { changeStage, StageWatch, type ChangeEvidence, type QueryStage, type Ramp } from '@banyan/control';
import type { NatsConnection } from '@nats-io/nats-core';
import { queryEdge, type QueryEdge } from '../query/query-edge.js';
import type { QueryEdgeOptions } from '../query/query-edge-options.js';
import { MemoryReplica } from './memory-replica.js';

type Handler = handleUnaryCall<GetProjectRequest, GetProjectResponse>;
type Edge = QueryEdge<GetProjectRequest, GetProjectResponse>;
export type EdgeSettings = Partial<QueryEdgeOptions<GetProjectRequest, GetProjectResponse>>;

export const NEVER = new Promise<never>(() => undefined);

export function projectOf(id: string, version: number, name = `${id} at ${version}`): GetProjectResponse {
  return GetProjectResponse.fromPartial({ project: { id, version, name } });
}

/** A real provider over gRPC whose answers a test decides. */
class Provider {
  readonly rows = new Map<string, GetProjectResponse>();
  readonly #server: Server;
  calls = 0;

  address = '';
  /** How an answer becomes bytes. */
  encode: (response: GetProjectResponse) => Buffer = ProjectsServiceService.getProject.responseSerialize;
  handler: Handler = ({ request: { id } }, answer) => {
    const found = this.rows.get(id);
    if (found === undefined) answer({ code: status.NOT_FOUND, details: `no project ${id}` });
    else answer(null, found);
  };

  constructor(interceptors: ServerInterceptor[]) {
    this.#server = new Server({ interceptors });
  }

  async start(): Promise<void> {
    const { getProject, listProjects } = ProjectsServiceService;
    const handle: Handler = (call, answer) => {
      this.calls += 1;
      this.handler(call, answer);
    };
    this.#server.addService(
      {
        getProject: {
          ...getProject,
          responseSerialize: (response: GetProjectResponse) => this.encode(response),
        },
        listProjects,
      },
      {
        getProject: handle,
        listProjects: (_call: unknown, answer: (error: null, value: object) => void) =>
          answer(null, { projects: [], nextPageToken: 'listed' }),
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

/** One edge with all that it touches: provider, client, replica, and its stage in NATS. */
export class EdgeStand {
  readonly provider: Provider;
  readonly replica = new MemoryReplica();
  readonly #folder = mkdtempSync(join(tmpdir(), 'banyan-edge-'));
  readonly #watch: StageWatch;
  readonly edge: Edge;
  client!: ProjectsServiceClient;

  constructor(
    readonly name: string,
    readonly connection: NatsConnection,
    settings: EdgeSettings,
    { serverInterceptors = [] }: { serverInterceptors?: ServerInterceptor[] } = {},
  ) {
    this.provider = new Provider(serverInterceptors);
    this.#watch = new StageWatch({ connection, stateDir: this.#folder });
    this.edge = queryEdge({
      edge: name,
      method: ProjectsServiceService.getProject,
      replica: this.replica,
      compare: { version: (response) => response.project?.version },
      stages: this.#watch,
      // Tests run on machines that have more than enough to do: times that matter to a test are its own.
      budget: { stalenessMs: 30_000 },
      compareTimeoutMs: 30_000,
      replicaTimeoutMs: 30_000,
      loopLagMs: 600_000,
      ...settings,
    });
  }

  async start(): Promise<this> {
    await this.provider.start();
    this.client = this.newClient();
    this.#watch.start();
    return this;
  }

  newClient(others: Interceptor[] = [], address = this.provider.address): ProjectsServiceClient {
    const interceptors = [...others, this.edge.interceptor];
    return new ProjectsServiceClient(address, credentials.createInsecure(), { interceptors });
  }

  /** A client that knows nothing of the edge. */
  newPlainClient(): ProjectsServiceClient {
    return new ProjectsServiceClient(this.provider.address, credentials.createInsecure());
  }

  async stop(): Promise<void> {
    await this.edge.stop();
    await this.#watch.stop();
    this.client.close();
    this.provider.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Puts a project on both sides. */
  put(id: string, version = 1): void {
    this.provider.rows.set(id, projectOf(id, version));
    this.replica.put(projectOf(id, version));
  }

  /** Moves the edge, for a share of the keys if one is given, and waits until it is there. */
  async move(stage: QueryStage, ramp?: Ramp): Promise<void> {
    const { running, record } = this.edge.stage;
    const arrived = new Promise<void>((resolve) => {
      const stop = this.edge.stage.onChange((now) => {
        if (now.stage !== stage || now.ramp?.share !== ramp?.share) return;
        stop();
        resolve();
      });
    });
    await changeStage(this.connection, {
      edge: this.name,
      stage,
      from: ramp?.from ?? running.stage,
      share: ramp?.share,
      by: 'test',
      why: 'test',
      expected: record?.changeId,
      waitMs: 1,
    });
    await arrived;
  }

  get(id: string, options: CallOptions = {}): Promise<GetProjectResponse> {
    return new Promise((resolve, reject) => {
      this.client.getProject({ id }, new Metadata(), options, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });
  }

  /** The error that a call ends with. */
  async failure(id: string, options: CallOptions = {}): Promise<ServiceError> {
    return this.get(id, options).then(
      () => Promise.reject(new Error('the call did not fail')),
      (error: unknown) => error as ServiceError,
    );
  }

  /** What was measured under the current change, once all comparisons are made. */
  async evidence(): Promise<ChangeEvidence> {
    await this.edge.settled();
    const found = this.edge.report(true).evidence.at(-1);
    if (found === undefined) throw new Error('nothing was measured');
    return found;
  }
}
