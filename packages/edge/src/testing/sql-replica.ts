import pg from 'pg';
import { GetProjectResponse, type GetProjectRequest } from '@banyan/contracts/projects';
import type { Freshness } from '@banyan/subscriber';
import type { EdgeReplica } from '../query/replica.js';

/** A replica in PostgreSQL that holds one answer for every id, and can be slow. */
export class SqlReplica implements EdgeReplica<GetProjectRequest, GetProjectResponse> {
  readonly pool: pg.Pool;
  ageMs = 0;
  slow = false;

  constructor(connectionString: string) {
    this.pool = new pg.Pool({ connectionString, max: 2 });
    // A pool tells of idle connections that broke; reads fail by themselves.
    this.pool.on('error', () => undefined);
  }

  async hold(body: Uint8Array): Promise<void> {
    await this.pool.query('create table if not exists project (body bytea)');
    await this.pool.query('delete from project');
    await this.pool.query('insert into project values ($1)', [Buffer.from(body)]);
  }

  async read({ id }: GetProjectRequest): Promise<GetProjectResponse | undefined> {
    const statement = this.slow ? 'select body from project, pg_sleep(20)' : 'select body from project';
    const { rows } = await this.pool.query<{ body: Buffer }>(statement);
    if (rows[0] === undefined) return undefined;
    const response = GetProjectResponse.decode(rows[0].body);
    if (response.project !== undefined) response.project.id = id;
    return response;
  }

  freshness(): Freshness {
    return { asOfMs: Date.now() - this.ageMs };
  }
}
