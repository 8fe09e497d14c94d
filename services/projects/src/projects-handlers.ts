import type { Pool, PoolClient } from 'pg';
import type { Change } from '@banyan/contracts';
import type { Project, ProjectsServiceService } from '@banyan/contracts/projects';
import type * as api from '@banyan/contracts/projects';
import { TeamState } from '@banyan/contracts/teams';
import type { EmitReacting, Reactions } from '@banyan/edge';
import {
  cutPage,
  inTransaction,
  newId,
  readPage,
  type CallContext,
  type UnaryHandlers,
} from '@banyan/service-host';
import { missing, Validation } from '@banyan/service-host/rules';
import * as rules from './project.js';
import * as store from './project-store.js';
import type { recordTaskActivityReceiver } from './receivers.js';
import type { TeamsClient } from './teams-client.js';

export interface ProjectsParts {
  pool: Pool;
  teams: TeamsClient;
  /** What follows from changes of projects elsewhere. */
  reactions: Reactions;
  recordTaskActivity: ReturnType<typeof recordTaskActivityReceiver>;
}

/** projects.v1.ProjectsService: reads requests, lets the rules decide inside a transaction, answers. */
export class ProjectsHandlers implements UnaryHandlers<typeof ProjectsServiceService> {
  readonly #parts: ProjectsParts;

  constructor(parts: ProjectsParts) {
    this.#parts = parts;
  }

  async createProject(
    request: api.CreateProjectRequest,
    context: CallContext,
  ): Promise<api.CreateProjectResponse> {
    const { teamId, name } = request;
    new Validation().id('team_id', teamId).text('name', name).done();
    const team = await this.#parts.teams.getTeam(teamId, context);
    const created = rules.createProject({ id: newId(), team, teamId, name, now: new Date() });
    await this.#inTransaction(context, async (tx, emit) => {
      await store.insertProject(tx, created.state);
      await publish(emit, created);
    });
    return { project: created.state };
  }

  async getProject({ id }: api.GetProjectRequest): Promise<api.GetProjectResponse> {
    return { project: await this.#find(id) };
  }

  async listProjects(request: api.ListProjectsRequest): Promise<api.ListProjectsResponse> {
    if (request.teamId !== '') new Validation().id('team_id', request.teamId).done();
    const page = readPage(request, 'id');
    const rows = await store.listProjects(this.#parts.pool, page, request.teamId);
    const { items, nextPageToken } = cutPage(rows, page, ({ id }) => id);
    return { projects: items, nextPageToken };
  }

  async renameProject(
    request: api.RenameProjectRequest,
    context: CallContext,
  ): Promise<api.RenameProjectResponse> {
    const { id, name, expectedVersion } = request;
    new Validation().id('id', id).text('name', name).version('expected_version', expectedVersion).done();
    const { state } = await this.#change(id, context, (project) =>
      rules.renameProject(project, { name, expectedVersion, now: new Date() }),
    );
    return { project: state };
  }

  async archiveProject(
    request: api.ArchiveProjectRequest,
    context: CallContext,
  ): Promise<api.ArchiveProjectResponse> {
    const { id, expectedVersion } = request;
    new Validation().id('id', id).version('expected_version', expectedVersion).done();
    const { state } = await this.#change(id, context, (project) =>
      rules.archiveProject(project, { expectedVersion, now: new Date() }),
    );
    return { project: state };
  }

  async getProjectPage(
    { id }: api.GetProjectPageRequest,
    context: CallContext,
  ): Promise<api.GetProjectPageResponse> {
    const project = await this.#find(id);
    const team = await this.#parts.teams.getTeam(project.teamId, context);
    if (team === undefined) return { project, team: undefined };
    const archived = team.state === TeamState.ARCHIVED;
    return { project, team: { id: team.id, name: team.name, archived } };
  }

  recordTaskActivity(
    request: api.RecordTaskActivityRequest,
    context: CallContext,
  ): Promise<api.RecordTaskActivityResponse> {
    return this.#parts.recordTaskActivity.method(request, context);
  }

  async #find(id: string): Promise<Project> {
    new Validation().id('id', id).done();
    const project = await store.findProject(this.#parts.pool, id);
    if (project === undefined) throw missing('project', id);
    return project;
  }

  /** Locks the project, lets a rule decide, writes and publishes what it decided, if anything. */
  #change(
    id: string,
    context: CallContext,
    decide: (project: Project) => Change<Project>,
  ): Promise<Change<Project>> {
    return this.#inTransaction(context, async (tx, emit) => {
      const before = await store.lockProject(tx, id);
      if (before === undefined) throw missing('project', id);
      const change = decide(before);
      if (change.fact !== undefined) await store.updateProject(tx, before, change.state);
      await publish(emit, change);
      return change;
    });
  }

  #inTransaction<T>(
    context: CallContext,
    work: (tx: PoolClient, emit: EmitReacting) => Promise<T>,
  ): Promise<T> {
    const { pool, reactions } = this.#parts;
    return reactions.transaction((run) => inTransaction(pool, context, run), work);
  }
}

async function publish(emit: EmitReacting, { fact }: Change<Project>): Promise<void> {
  if (fact !== undefined) await emit(fact.event, fact.data);
}
