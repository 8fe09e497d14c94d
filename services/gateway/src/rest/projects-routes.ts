import { Type } from 'typebox';
import type { ServiceClients } from '../service-clients.js';
import { answers, created, noFields } from './answers.js';
import { pageOf, shownPage } from './pages.js';
import { ById, listOf, NewProject, paging, Project, ProjectPage, Rename } from './schemas.js';
import type { Api } from './type-provider.js';
import { expectedVersion, sendCreated, sendOne, sendWhole } from './versions.js';
import { present, projectView } from './views.js';

const tags = ['projects'];
const config = { source: 'projects' };

export function projectsRoutes(api: Api, { projects }: ServiceClients): void {
  const list = Type.Object(
    { teamId: Type.Optional(Type.String({ maxLength: 100 })), ...paging },
    { additionalProperties: false },
  );
  const listed = { tags, querystring: list, response: answers(listOf(Project)) };
  api.get('/projects', { schema: listed, config }, async (request, reply) => {
    const question = { teamId: request.query.teamId ?? '', ...pageOf(request.query) };
    const answer = await request.scope.call(projects.listProjects.bind(projects), question);
    return sendWhole(reply, shownPage(answer.projects.map(projectView), answer.nextPageToken));
  });

  const made = { tags, body: NewProject, response: created(Project) };
  api.post('/projects', { schema: made }, async (request, reply) => {
    const { project } = await request.scope.call(projects.createProject.bind(projects), request.body);
    const view = projectView(project);
    return sendCreated(reply, view, `/api/projects/${view.id}`);
  });

  const one = { tags, params: ById, response: answers(Project) };
  api.get('/projects/:id', { schema: one, config }, async (request, reply) => {
    const { project } = await request.scope.call(projects.getProject.bind(projects), request.params);
    return sendOne(reply, projectView(project));
  });

  const paged = { tags, params: ById, response: answers(ProjectPage) };
  api.get('/projects/:id/page', { schema: paged }, async (request, reply) => {
    const { project, team } = await request.scope.call(
      projects.getProjectPage.bind(projects),
      request.params,
    );
    return sendWhole(reply, { project: projectView(project), team: present('team', team) });
  });

  projectChanges(api, projects);
}

function projectChanges(api: Api, projects: ServiceClients['projects']): void {
  const renamed = { tags, params: ById, body: Rename, response: answers(Project) };
  api.patch('/projects/:id', { schema: renamed }, async (request, reply) => {
    const change = { ...request.params, ...request.body, expectedVersion: expectedVersion(request) };
    const { project } = await request.scope.call(projects.renameProject.bind(projects), change);
    return sendOne(reply, projectView(project));
  });

  const archived = { tags, params: ById, body: noFields, response: answers(Project) };
  api.post('/projects/:id/archive', { schema: archived }, async (request, reply) => {
    const change = { ...request.params, expectedVersion: expectedVersion(request) };
    const { project } = await request.scope.call(projects.archiveProject.bind(projects), change);
    return sendOne(reply, projectView(project));
  });
}
