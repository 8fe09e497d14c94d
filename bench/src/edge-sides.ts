import { credentials } from '@grpc/grpc-js';
import {
  GetProjectResponse,
  ProjectsServiceClient,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';
import type { QueryStage, StageWatch } from '@banyan/control';
import { clientLedger, queryEdge, type EdgeReplica, type QueryEdge } from '@banyan/edge';
import type { Pool } from 'pg';

export const IDS = Array.from({ length: 1_000 }, (_, i) => `p${i}`);

/** `bare` is grpc-js alone; the others go through an edge at its stage, `call` through the ledgers of both sides too. */
export const SIDES = ['bare', 'call', 'cache', 'postgres', 'memory'] as const;
export type SideName = (typeof SIDES)[number];

type Replica = EdgeReplica<GetProjectRequest, GetProjectResponse>;

const projectOf = (id: string): GetProjectResponse =>
  GetProjectResponse.fromPartial({ project: { id, version: 1, name: 'Fig', teamId: 't1' } });

const freshness = (): { asOfMs: number } => ({ asOfMs: Date.now() });

function memoryReplica(): Replica {
  const rows = new Map(IDS.map((id) => [id, projectOf(id)]));
  return { read: ({ id }) => Promise.resolve(rows.get(id)), freshness };
}

const SELECT = { name: 'project', text: 'select id, version, name, team_id from project where id = $1' };

interface Row {
  id: string;
  version: string;
  name: string;
  team_id: string;
}

async function readRow(pool: Pool, { id }: GetProjectRequest): Promise<GetProjectResponse | undefined> {
  const [row] = (await pool.query<Row>({ ...SELECT, values: [id] })).rows;
  if (row === undefined) return undefined;
  const { name, version, team_id: teamId } = row;
  return GetProjectResponse.fromPartial({ project: { id, version: Number(version), name, teamId } });
}

/** Fills the table that the PostgreSQL replica reads. */
export async function fillTable(pool: Pool): Promise<void> {
  await pool.query('create table project (id text primary key, version bigint, name text, team_id text)');
  await pool.query(`insert into project select unnest($1::text[]), 1, 'Fig', 't1'`, [IDS]);
}

export interface SideParts {
  /** `booked`: its server keeps a ledger. */
  addresses: { bare: string; booked: string };
  stages: StageWatch;
  pool: Pool;
}

/** One client, and the edge that it goes through. */
export class Side {
  readonly client: ProjectsServiceClient;
  readonly #edge: QueryEdge<GetProjectRequest, GetProjectResponse> | undefined;

  constructor(name: SideName, parts: SideParts) {
    this.#edge = name === 'bare' ? undefined : edgeOf(name, parts);
    const ledgers = name === 'call' ? [clientLedger({ service: name }).interceptor] : [];
    const interceptors = this.#edge === undefined ? [] : [this.#edge.interceptor, ...ledgers];
    const address = parts.addresses[name === 'call' ? 'booked' : 'bare'];
    this.client = new ProjectsServiceClient(address, credentials.createInsecure(), { interceptors });
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.#edge?.stop();
  }
}

/** The edge stands at its floor, for nobody changes its stage. */
function edgeOf(
  name: Exclude<SideName, 'bare'>,
  { stages, pool }: SideParts,
): QueryEdge<GetProjectRequest, GetProjectResponse> {
  const stage: QueryStage = name === 'call' || name === 'cache' ? name : 'replica';
  const postgres: Replica = { read: (request) => readRow(pool, request), freshness };
  return queryEdge({
    edge: `${name} -> projects.GetProject`,
    method: ProjectsServiceService.getProject,
    replica: name === 'postgres' ? postgres : memoryReplica(),
    cache: { aggregate: 'projects/project' },
    compare: { version: ({ project }) => project?.version },
    budget: { stalenessMs: 600_000 },
    supports: [stage],
    stages,
  });
}
