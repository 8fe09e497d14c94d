import { teamView } from './views.js';
import type { ServiceClients } from '../service-clients.js';
import { answers, created, noFields } from './answers.js';
import { Attach, ById, listOf, NewTeam, paging, Rename, Team, TeamPage } from './schemas.js';
import type { Api } from './type-provider.js';
import { pageOf, shownPage } from './pages.js';
import { expectedVersion, sendCreated, sendOne, sendWhole } from './versions.js';
import { Type } from 'typebox';

const tags = ['teams'];
const config = { source: 'teams' };

export function teamsRoutes(api: Api, { teams }: ServiceClients): void {
  const list = Type.Object(paging, { additionalProperties: false });
  const listed = { tags, querystring: list, response: answers(listOf(Team)) };
  api.get('/teams', { schema: listed, config }, async (request, reply) => {
    const answer = await request.scope.call(teams.listTeams.bind(teams), pageOf(request.query));
    return sendWhole(reply, shownPage(answer.teams.map(teamView), answer.nextPageToken));
  });

  api.post('/teams', { schema: { tags, body: NewTeam, response: created(Team) } }, async (request, reply) => {
    const { team } = await request.scope.call(teams.createTeam.bind(teams), request.body);
    const view = teamView(team);
    return sendCreated(reply, view, `/api/teams/${view.id}`);
  });

  const one = { tags, params: ById, response: answers(Team) };
  api.get('/teams/:id', { schema: one, config }, async (request, reply) => {
    const { team } = await request.scope.call(teams.getTeam.bind(teams), request.params);
    return sendOne(reply, teamView(team));
  });

  const paged = { tags, params: ById, response: answers(TeamPage) };
  api.get('/teams/:id/page', { schema: paged }, async (request, reply) => {
    const { team, projects } = await request.scope.call(teams.getTeamPage.bind(teams), request.params);
    return sendWhole(reply, { team: teamView(team), projects });
  });

  teamChanges(api, teams);
}

function teamChanges(api: Api, teams: ServiceClients['teams']): void {
  const renamed = { tags, params: ById, body: Rename, response: answers(Team) };
  api.patch('/teams/:id', { schema: renamed }, async (request, reply) => {
    const change = { ...request.params, ...request.body, expectedVersion: expectedVersion(request) };
    const { team } = await request.scope.call(teams.renameTeam.bind(teams), change);
    return sendOne(reply, teamView(team));
  });

  const archived = { tags, params: ById, body: noFields, response: answers(Team) };
  api.post('/teams/:id/archive', { schema: archived }, async (request, reply) => {
    const change = { ...request.params, expectedVersion: expectedVersion(request) };
    const { team } = await request.scope.call(teams.archiveTeam.bind(teams), change);
    return sendOne(reply, teamView(team));
  });

  const attached = { tags, params: ById, body: Attach, response: answers(Team) };
  api.post('/teams/:id/projects', { schema: attached }, async (request, reply) => {
    const change = { ...request.params, ...request.body, expectedVersion: expectedVersion(request) };
    const { team } = await request.scope.call(teams.attachProject.bind(teams), change);
    return sendOne(reply, teamView(team));
  });
}
