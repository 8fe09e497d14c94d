import {
  ListProjectsResponse,
  Project,
  ProjectsServiceService,
  type GetProjectRequest,
  type GetProjectResponse,
  type RenameProjectRequest,
  type RenameProjectResponse,
} from '@banyan/contracts/projects';
import type { ShownVersion } from '@banyan/edge';
import { shows } from '@banyan/edge/tokens';
import { emit } from '@banyan/outbox';
import { inTransaction, serve, unaryService, type CallContext, type ServiceHost } from '@banyan/service-host';
import { missing } from '@banyan/service-host/rules';
import type { Pool } from 'pg';
import { projectEvents } from '../backfill-events.js';

const { getProject, listProjects, renameProject } = ProjectsServiceService;

/** The three methods that sessions use. */
export const METHODS = { getProject, listProjects, renameProject };

/** A name that stands for a delete: it can be written again, with the next version. */
export const DELETED = 'deleted';

export const PROJECT_TABLE =
  'create table project (id text primary key, version bigint not null, name text not null)';

interface Row {
  id: string;
  version: string;
  name: string;
}

export const projectOf = ({ id, version, name }: Row): Project =>
  Project.fromPartial({ id, version: Number(version), name });

export const versionShown = (project: Project | undefined): ShownVersion | undefined =>
  project === undefined ? undefined : { key: `project/${project.id}`, version: project.version };

/** The service whose data sessions write and read: every write is an event. */
export function startProvider(source: string, pool: Pool): Promise<ServiceHost> {
  return serve({
    name: 'projects',
    services: [unaryService(METHODS, new Provider(source, pool))],
    shows: [
      shows(getProject, source, ({ project }) => [versionShown(project)]),
      shows(listProjects, source, ({ projects }) => projects.map(versionShown)),
    ],
  });
}

class Provider {
  readonly #events: ReturnType<typeof projectEvents>;
  readonly #pool: Pool;

  constructor(source: string, pool: Pool) {
    this.#events = projectEvents(source);
    this.#pool = pool;
  }

  async getProject({ id }: GetProjectRequest): Promise<GetProjectResponse> {
    const { rows } = await this.#pool.query<Row>('select * from project where id = $1 and name <> $2', [
      id,
      DELETED,
    ]);
    if (rows[0] === undefined) throw missing('project', id);
    return { project: projectOf(rows[0]) };
  }

  async listProjects(): Promise<ListProjectsResponse> {
    const { rows } = await this.#pool.query<Row>('select * from project where name <> $1', [DELETED]);
    return ListProjectsResponse.fromPartial({ projects: rows.map(projectOf) });
  }

  async renameProject(
    { id, name }: RenameProjectRequest,
    context: CallContext,
  ): Promise<RenameProjectResponse> {
    return inTransaction(this.#pool, context, async (tx) => {
      const { rows } = await tx.query<Row>(
        `insert into project values ($1, 1, $2)
         on conflict (id) do update set version = project.version + 1, name = excluded.name returning *`,
        [id, name],
      );
      const [row] = rows;
      if (row === undefined) throw new Error('an upsert returned no row');
      const project = projectOf(row);
      const { saved, deleted } = this.#events;
      await emit(tx, name === DELETED ? deleted : saved, { id, version: project.version, name });
      return { project };
    });
  }
}
