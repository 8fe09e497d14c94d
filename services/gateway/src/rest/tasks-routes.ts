import { Type } from 'typebox';
import type { ServiceClients } from '../service-clients.js';
import { answers, created, noFields } from './answers.js';
import { pageOf, shownPage } from './pages.js';
import { Assign, ById, listOf, NewTask, paging, Rename, Task } from './schemas.js';
import type { Api } from './type-provider.js';
import { expectedVersion, sendCreated, sendOne, sendWhole } from './versions.js';
import { taskView } from './views.js';

const tags = ['tasks'];
const config = { source: 'tasks' };
const Filter = Type.Optional(Type.String({ maxLength: 100 }));

export function tasksRoutes(api: Api, { tasks }: ServiceClients): void {
  const list = Type.Object(
    { projectId: Filter, assigneeId: Filter, ...paging },
    { additionalProperties: false },
  );
  const listed = { tags, querystring: list, response: answers(listOf(Task)) };
  api.get('/tasks', { schema: listed, config }, async (request, reply) => {
    const { projectId = '', assigneeId = '' } = request.query;
    const question = { projectId, assigneeId, ...pageOf(request.query) };
    const answer = await request.scope.call(tasks.listTasks.bind(tasks), question);
    return sendWhole(reply, shownPage(answer.tasks.map(taskView), answer.nextPageToken));
  });

  api.post('/tasks', { schema: { tags, body: NewTask, response: created(Task) } }, async (request, reply) => {
    const { assigneeId, ...rest } = request.body;
    const asked = { ...rest, assigneeId: assigneeId ?? '' };
    const { task } = await request.scope.call(tasks.createTask.bind(tasks), asked);
    const view = taskView(task);
    return sendCreated(reply, view, `/api/tasks/${view.id}`);
  });

  const one = { tags, params: ById, response: answers(Task) };
  api.get('/tasks/:id', { schema: one, config }, async (request, reply) => {
    const { task } = await request.scope.call(tasks.getTask.bind(tasks), request.params);
    return sendOne(reply, taskView(task));
  });

  taskChanges(api, tasks);
}

function taskChanges(api: Api, tasks: ServiceClients['tasks']): void {
  const renamed = { tags, params: ById, body: Rename, response: answers(Task) };
  api.patch('/tasks/:id', { schema: renamed }, async (request, reply) => {
    const change = { ...request.params, ...request.body, expectedVersion: expectedVersion(request) };
    const { task } = await request.scope.call(tasks.renameTask.bind(tasks), change);
    return sendOne(reply, taskView(task));
  });

  const assigned = { tags, params: ById, body: Assign, response: answers(Task) };
  api.put('/tasks/:id/assignee', { schema: assigned }, async (request, reply) => {
    const assigneeId = request.body.assigneeId ?? '';
    const change = { ...request.params, assigneeId, expectedVersion: expectedVersion(request) };
    const { task } = await request.scope.call(tasks.assignTask.bind(tasks), change);
    return sendOne(reply, taskView(task));
  });

  const moved = { tags, params: ById, body: noFields, response: answers(Task) };
  const moves = {
    complete: tasks.completeTask.bind(tasks),
    reopen: tasks.reopenTask.bind(tasks),
  };
  for (const [move, method] of Object.entries(moves)) {
    api.post(`/tasks/:id/${move}`, { schema: moved }, async (request, reply) => {
      const change = { id: request.params.id, expectedVersion: expectedVersion(request) };
      const { task } = await request.scope.call(method, change);
      return sendOne(reply, taskView(task));
    });
  }
}
