import type { Pool } from 'pg';
import type { Change } from '@banyan/contracts';
import { ProjectState } from '@banyan/contracts/projects';
import type * as api from '@banyan/contracts/teams';
import { emit } from '@banyan/outbox';
import type { Queryable } from '@banyan/runtime';
import { cutPage, inTransaction, newId, readPage, type CallContext } from '@banyan/service-host';
import { missing, Validation } from '@banyan/service-host/rules';
import type { ProjectsClient } from './projects-client.js';
import * as rules from './team.js';
import * as store from './team-store.js';

export interface TeamsParts {
  pool: Pool;
  projects: ProjectsClient;
}

/** The methods of teams.v1.TeamsService that are about teams themselves; see MembersHandlers for the others. */
export class TeamsHandlers {
  readonly #parts: TeamsParts;

  constructor(parts: TeamsParts) {
    this.#parts = parts;
  }

  async createTeam({ name }: api.CreateTeamRequest, context: CallContext): Promise<api.CreateTeamResponse> {
    new Validation().text('name', name).done();
    const created = rules.createTeam({ id: newId(), name, now: new Date() });
    await inTransaction(this.#parts.pool, context, async (tx) => {
      await store.insertTeam(tx, created.state);
      await publish(tx, created);
    });
    return { team: created.state };
  }

  async getTeam({ id }: api.GetTeamRequest): Promise<api.GetTeamResponse> {
    return { team: await this.#find(id) };
  }

  async listTeams(request: api.ListTeamsRequest): Promise<api.ListTeamsResponse> {
    const page = readPage(request, 'id');
    const rows = await store.listTeams(this.#parts.pool, page);
    const { items, nextPageToken } = cutPage(rows, page, ({ id }) => id);
    return { teams: items, nextPageToken };
  }

  async renameTeam(request: api.RenameTeamRequest, context: CallContext): Promise<api.RenameTeamResponse> {
    const { id, name, expectedVersion } = request;
    new Validation().id('id', id).text('name', name).version('expected_version', expectedVersion).done();
    return this.#change(id, context, (team) =>
      rules.renameTeam(team, { name, expectedVersion, now: new Date() }),
    );
  }

  async archiveTeam(request: api.ArchiveTeamRequest, context: CallContext): Promise<api.ArchiveTeamResponse> {
    const { id, expectedVersion } = request;
    new Validation().id('id', id).version('expected_version', expectedVersion).done();
    return this.#change(id, context, (team) => rules.archiveTeam(team, { expectedVersion, now: new Date() }));
  }

  async attachProject(
    request: api.AttachProjectRequest,
    context: CallContext,
  ): Promise<api.AttachProjectResponse> {
    const { id, projectId, expectedVersion } = request;
    new Validation()
      .id('id', id)
      .id('project_id', projectId)
      .version('expected_version', expectedVersion)
      .done();
    const project = await this.#parts.projects.getProject(projectId, context);
    return this.#change(id, context, (team) =>
      rules.attachProject(team, { projectId, project, expectedVersion, now: new Date() }),
    );
  }

  /** One call for each project: this is what the edge `teams -> projects.GetProject` costs today. */
  async getTeamPage({ id }: api.GetTeamPageRequest, context: CallContext): Promise<api.GetTeamPageResponse> {
    const team = await this.#find(id);
    const asked = team.projectIds.map((projectId) => this.#parts.projects.getProject(projectId, context));
    const known = (await Promise.all(asked)).filter((project) => project !== undefined);
    const projects = known.map(({ id: projectId, name, state }) => ({
      id: projectId,
      name,
      archived: state === ProjectState.ARCHIVED,
    }));
    return { team, projects };
  }

  async #find(id: string): Promise<api.Team> {
    new Validation().id('id', id).done();
    const team = await store.findTeam(this.#parts.pool, id);
    if (team === undefined) throw missing('team', id);
    return team;
  }

  /** Locks the team, lets a rule decide, writes and publishes what it decided, if anything. */
  #change(
    id: string,
    context: CallContext,
    decide: (team: api.Team) => Change<api.Team>,
  ): Promise<{ team: api.Team }> {
    return inTransaction(this.#parts.pool, context, async (tx) => {
      const before = await store.lockTeam(tx, id);
      if (before === undefined) throw missing('team', id);
      const change = decide(before);
      if (change.fact !== undefined) await store.updateTeam(tx, before, change.state);
      await publish(tx, change);
      return { team: change.state };
    });
  }
}

async function publish(tx: Queryable, { fact }: Change<api.Team>): Promise<void> {
  if (fact !== undefined) await emit(tx, fact.event, fact.data);
}
