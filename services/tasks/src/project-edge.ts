import type { Interceptor } from '@grpc/grpc-js';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import {
  ProjectsServiceService,
  type GetProjectRequest,
  type GetProjectResponse,
} from '@banyan/contracts/projects';
import { Reporter, StageWatch } from '@banyan/control';
import { queryEdge, type QueryEdge } from '@banyan/edge';
import type { Logger } from '@banyan/runtime';
import { subscriber, type Subscriber } from '@banyan/subscriber';
import { askedOf, projectReplica, readProject } from './project-replica.js';

export interface ProjectEdgeOptions {
  natsUrl: string;
  /** Folder of this process alone: it keeps the last known stage there. */
  stateDir: string;
  databaseUrl: string;
  pool: Pool;
  logger: Logger;
}

/** How old an answer of the replica may be, in ms. Tasks may be created in a project archived no longer ago than that. */
const STALENESS_BUDGET_MS = 5000;

/**
 * The edge `tasks -> projects.GetProject`: its stage, its replica, and the interceptor that goes into the client. Nothing
 * of it needs the broker to be there: without, the process runs on its last known stage.
 */
export class ProjectEdge {
  readonly #options: ProjectEdgeOptions;
  readonly #connection: Promise<NatsConnection>;
  readonly #stages: StageWatch;
  readonly #edge: QueryEdge<GetProjectRequest, GetProjectResponse>;
  readonly #reporter: Reporter;
  #subscriber: Subscriber | undefined;
  #stopped = false;

  constructor(options: ProjectEdgeOptions) {
    const { natsUrl, stateDir, pool, logger } = options;
    this.#options = options;
    this.#connection = connect({
      servers: natsUrl.split(','),
      name: 'tasks',
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
    });
    this.#stages = new StageWatch({ connection: this.#connection, stateDir, logger });
    this.#edge = queryEdge({
      edge: 'tasks -> projects.GetProject',
      method: ProjectsServiceService.getProject,
      replica: {
        read: (request) => readProject(pool, request),
        freshness: (request) => this.#subscriber?.freshness(askedOf(request)) ?? { asOfMs: undefined },
      },
      compare: { version: ({ project }) => project?.version },
      budget: { stalenessMs: STALENESS_BUDGET_MS },
      stages: this.#stages,
      notFound: ({ id }) => ({ details: `there is no project ${id}` }),
      sampleShare: 0.2,
      logger,
    });
    this.#reporter = new Reporter({
      connection: this.#connection,
      service: 'tasks',
      edges: [this.#edge],
      logger,
    });
  }

  get interceptor(): Interceptor {
    return this.#edge.interceptor;
  }

  /** Begins to follow stages and events, in the background. @throws BanyanError BANYAN_REPLICA_INVALID */
  async start(): Promise<void> {
    await projectReplica.check(this.#options.pool);
    this.#stages.start();
    void this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#reporter.stop();
    await this.#subscriber?.stop();
    await this.#stages.stop();
    await this.#edge.stop();
    if (this.#subscriber !== undefined) await (await this.#connection).close();
  }

  /** What needs the broker, once it is there. */
  async #begin(): Promise<void> {
    const nats = await this.#connection;
    if (this.#stopped) return nats.close();
    const { databaseUrl, logger } = this.#options;
    this.#subscriber = subscriber({
      name: 'tasks-project-replica',
      sources: ['projects'],
      databaseUrl,
      nats,
      handlers: [projectReplica],
      logger,
    });
    this.#subscriber.start();
    await this.#reporter.start();
  }
}
