import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ListProjectsResponse,
  ProjectsServiceClient,
  ProjectsServiceService,
  type GetProjectRequest,
  type GetProjectResponse,
} from '@banyan/contracts/projects';
import { streamOf } from '@banyan/contracts';
import { parseEdge, QUERY_LADDER, StageStore } from '@banyan/control';
import { testDatabase, testNats, uniqueName, type TestDatabase, type TestNats } from '@banyan/devstack';
import { EdgeProcess, memoryCache, type QueryEdge } from '@banyan/edge';
import { clientFor, type ServiceHost } from '@banyan/service-host';
import { deleteOn, replica, rowFrom, type Replica } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { projectEvents, type Project as SavedProject } from '../backfill-events.js';
import { RelayProcess } from '../relay-process.js';
import type { Random } from '../traffic/random.js';
import { Hop } from './hops.js';
import { PROJECT_TABLE, projectOf, startProvider, versionShown } from './provider.js';

const READER = 'sessions-reader';

type Edges = readonly [
  QueryEdge<GetProjectRequest, GetProjectResponse>,
  QueryEdge<Parameters<typeof ProjectsServiceService.listProjects.requestSerialize>[0], ListProjectsResponse>,
];

/**
 * A provider with its relay; a service that asks it over two edges, each with a cache and a replica; and one that asks that
 * service. Sessions choose their way: to the provider, over one hop, or over two.
 */
export class SessionStand {
  readonly ways = new Map<string, ProjectsServiceClient>();
  readonly edges: Edges;
  readonly #source = uniqueName('projects');
  readonly #databases: { source: TestDatabase; reader: TestDatabase };
  readonly #nats: TestNats;
  readonly #folder = mkdtempSync(join(tmpdir(), 'banyan-sessions-'));
  readonly #process: EdgeProcess;
  readonly #closing: (() => Promise<void> | void)[] = [];
  /** By change. */
  readonly #byReplica = new Map<string, number>();
  #relay!: RelayProcess;
  #stages!: StageStore;

  private constructor(databases: { source: TestDatabase; reader: TestDatabase }, nats: TestNats) {
    this.#databases = databases;
    this.#nats = nats;
    const { url: databaseUrl } = databases.reader;
    this.#process = new EdgeProcess({
      service: uniqueName('middle'),
      natsUrl: nats.url,
      stateDir: this.#folder,
      databaseUrl,
    });
    this.edges = this.#declare();
  }

  static async start(): Promise<SessionStand> {
    const [source, reader, nats] = await Promise.all([
      testDatabase({ roles: ['outbox'], statements: [PROJECT_TABLE] }),
      testDatabase({ roles: ['subscriber'], statements: [PROJECT_TABLE] }),
      testNats(),
    ]);
    const stand = new SessionStand({ source, reader }, nats);
    await stand.#start();
    return stand;
  }

  async stop(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
    await this.#process.stop();
    await this.#relay.end('SIGKILL');
    const manager = await jetstreamManager(this.#nats.connection);
    await manager.streams.delete(streamOf(this.#source)).catch(() => undefined);
    await Promise.all([this.#databases.source.drop(), this.#databases.reader.drop(), this.#nats.close()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Keeps the subscriber from committing anything for so long. */
  async lag(ms: number): Promise<void> {
    const client = await this.#databases.reader.pool.connect();
    try {
      await client.query('begin');
      await client.query('select from banyan.position where subscriber = $1 for update', [READER]);
      await client.query('select pg_sleep($1)', [ms / 1000]);
      await client.query('commit');
    } finally {
      client.release();
    }
  }

  /** Moves an edge to a stage by chance, whatever its gates say. */
  async flip(edge: number, random: Random): Promise<void> {
    const { name } = this.edges[edge === 0 ? 0 : 1].stage;
    const stage = QUERY_LADDER[random.below(QUERY_LADDER.length)] ?? 'call';
    this.#count();
    const before = await this.#stages.read(name);
    await this.#stages.write(parseEdge(name.text), {
      stage,
      from: before?.record?.stage ?? 'call',
      by: 'test',
      why: 'test',
      expected: before?.record?.changeId,
    });
  }

  async killRelay(): Promise<void> {
    await this.#relay.end('SIGKILL');
    this.#relay = await this.#startRelay();
  }

  /** The versions that deleted a project, also those whose writer never learned of it. */
  async deletes(): Promise<Map<string, Set<number>>> {
    const { rows } = await this.#databases.source.pool.query<{ id: string; versions: string[] }>(
      `select aggregate_id as id, array_agg(aggregate_version) as versions from banyan.outbox
       where event_type = 'ProjectDeleted' group by aggregate_id`,
    );
    return new Map(rows.map(({ id, versions }) => [id, new Set(versions.map(Number))]));
  }

  /** Calls of both edges that a replica answered. */
  get byReplica(): number {
    this.#count();
    return [...this.#byReplica.values()].reduce((sum, calls) => sum + calls, 0);
  }

  /** An edge reports its last few changes only. */
  #count(): void {
    for (const { changeId, stage, calls } of this.edges.flatMap((edge) => edge.report(true).evidence))
      this.#byReplica.set(`${changeId} ${stage}`, calls.byReplica);
  }

  async #start(): Promise<void> {
    const { source } = this.#databases;
    this.#relay = await this.#startRelay();
    this.#stages = await StageStore.open(this.#nats.connection);
    await this.#process.start();
    const provider = await startProvider(this.#source, source.pool);
    const middle = await Hop.start('middle', provider.address, this.edges);
    const front = await Hop.start('front', middle.host.address);
    this.#closing.push(
      () => provider.stop(),
      () => middle.stop(),
      () => front.stop(),
    );
    this.#open('provider', provider);
    this.#open('one hop', middle.host);
    this.#open('two hops', front.host);
  }

  #open(name: string, { address }: ServiceHost): void {
    const client = clientFor(ProjectsServiceClient, address, { caller: 'session' });
    this.ways.set(name, client);
    this.#closing.push(() => client.close());
  }

  #startRelay(): Promise<RelayProcess> {
    const sources = { [this.#source]: this.#databases.source.url };
    return RelayProcess.start({ natsUrl: this.#nats.url, sources });
  }

  #declare(): Edges {
    const { pool } = this.#databases.reader;
    const subscriber = this.#process.follow({
      name: READER,
      sources: [this.#source],
      handlers: [this.#replica()],
      pollIntervalMs: 50,
    });
    const budget = { stalenessMs: 5000 };
    const aggregate = `${this.#source}/project` as const;
    const cache = { store: memoryCache() };
    const caller = uniqueName('middle');
    const get = this.#process.query({
      edge: `${caller} -> ${this.#source}.GetProject`,
      method: ProjectsServiceService.getProject,
      about: { aggregate, keyOf: ({ id }) => id },
      replica: {
        subscriber,
        read: async ({ id }) => {
          const { rows } = await pool.query<Row>('select * from project where id = $1', [id]);
          return rows[0] && { project: projectOf(rows[0]) };
        },
      },
      compare: { version: ({ project }) => project?.version },
      budget,
      cache,
    });
    const list = this.#process.query({
      edge: `${caller} -> ${this.#source}.ListProjects`,
      method: ProjectsServiceService.listProjects,
      about: { aggregate, keyOf: () => undefined },
      replica: {
        subscriber,
        read: async () => {
          const { rows } = await pool.query<Row>('select * from project');
          return ListProjectsResponse.fromPartial({ projects: rows.map(projectOf) });
        },
      },
      compare: { version: () => undefined },
      tokens: { shows: ({ projects }) => projects.map(versionShown) },
      budget,
      cache,
    });
    return [get, list];
  }

  #replica(): Replica {
    const { saved, deleted } = projectEvents(this.#source);
    const rowOf = ({ id, version, name }: SavedProject) => ({ id, version, name });
    return replica({
      table: 'project',
      key: 'id',
      columns: ['id', 'version', 'name'],
      version: 'version',
      mappings: [rowFrom(saved, rowOf), deleteOn(deleted, ({ id }) => id)],
    });
  }
}

interface Row {
  id: string;
  version: string;
  name: string;
}
