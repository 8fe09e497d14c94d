import type { Pool } from 'pg';
import type { Task, TasksServiceService } from '@banyan/contracts/tasks';
import type * as api from '@banyan/contracts/tasks';
import {
  cutPage,
  newId,
  readPage,
  type CallContext,
  type CallOrigin,
  type UnaryHandlers,
} from '@banyan/service-host';
import { missing, Validation } from '@banyan/service-host/rules';
import type { ProjectsClient } from './projects-client.js';
import type { archiveProjectTasksReceiver, unassignMemberReceiver } from './receivers.js';
import * as rules from './task.js';
import type { TaskChanges } from './task-changes.js';
import * as store from './task-store.js';
import type { TeamsClient } from './teams-client.js';

export interface TasksParts {
  pool: Pool;
  changes: TaskChanges;
  projects: ProjectsClient;
  teams: TeamsClient;
  archiveProjectTasks: ReturnType<typeof archiveProjectTasksReceiver>;
  unassignMember: ReturnType<typeof unassignMemberReceiver>;
}

/** tasks.v1.TasksService: reads requests, asks the other services what the rules must know, answers. */
export class TasksHandlers implements UnaryHandlers<typeof TasksServiceService> {
  readonly #parts: TasksParts;

  constructor(parts: TasksParts) {
    this.#parts = parts;
  }

  async createTask(request: api.CreateTaskRequest, context: CallContext): Promise<api.CreateTaskResponse> {
    const { projectId, name, assigneeId } = request;
    const valid = new Validation().id('project_id', projectId).text('name', name);
    if (assigneeId !== '') valid.token('assignee_id', assigneeId);
    valid.done();
    const project = rules.checkProject(projectId, await this.#parts.projects.getProject(projectId, context));
    await this.#checkAssignee({ teamId: project.teamId, memberId: assigneeId }, context);
    const created = rules.createTask({ id: newId(), project, name, assigneeId, now: new Date() });
    return { task: await this.#parts.changes.create(created, context) };
  }

  async getTask({ id }: api.GetTaskRequest): Promise<api.GetTaskResponse> {
    return { task: await this.#find(id) };
  }

  async listTasks(request: api.ListTasksRequest): Promise<api.ListTasksResponse> {
    const { projectId, assigneeId } = request;
    const valid = new Validation();
    if (projectId !== '') valid.id('project_id', projectId);
    if (assigneeId !== '') valid.token('assignee_id', assigneeId);
    valid.done();
    const page = readPage(request, 'id');
    const rows = await store.listTasks(this.#parts.pool, page, { projectId, assigneeId });
    const { items, nextPageToken } = cutPage(rows, page, ({ id }) => id);
    return { tasks: items, nextPageToken };
  }

  async renameTask(request: api.RenameTaskRequest, context: CallContext): Promise<api.RenameTaskResponse> {
    const { id, name, expectedVersion } = request;
    addressed(request).text('name', name).done();
    const task = await this.#parts.changes.change(id, context, (before) =>
      rules.renameTask(before, { name, expectedVersion, now: new Date() }),
    );
    return { task };
  }

  async assignTask(request: api.AssignTaskRequest, context: CallContext): Promise<api.AssignTaskResponse> {
    const { id, assigneeId, expectedVersion } = request;
    const valid = addressed(request);
    if (assigneeId !== '') valid.token('assignee_id', assigneeId);
    valid.done();
    // A task never changes its team, so asking before it is locked is safe.
    const { teamId } = await this.#find(id);
    await this.#checkAssignee({ teamId, memberId: assigneeId }, context);
    const task = await this.#parts.changes.change(id, context, (before) =>
      rules.assignTask(before, { assigneeId, expectedVersion, now: new Date() }),
    );
    return { task };
  }

  async completeTask(
    request: api.CompleteTaskRequest,
    context: CallContext,
  ): Promise<api.CompleteTaskResponse> {
    const { id, expectedVersion } = request;
    addressed(request).done();
    const task = await this.#parts.changes.change(id, context, (before) =>
      rules.completeTask(before, { expectedVersion, now: new Date() }),
    );
    return { task };
  }

  async reopenTask(request: api.ReopenTaskRequest, context: CallContext): Promise<api.ReopenTaskResponse> {
    const { id, expectedVersion } = request;
    addressed(request).done();
    const task = await this.#parts.changes.change(id, context, (before) =>
      rules.reopenTask(before, { expectedVersion, now: new Date() }),
    );
    return { task };
  }

  archiveProjectTasks(
    request: api.ArchiveProjectTasksRequest,
    context: CallContext,
  ): Promise<api.ArchiveProjectTasksResponse> {
    return this.#parts.archiveProjectTasks.method(request, context);
  }

  unassignMember(
    request: api.UnassignMemberRequest,
    context: CallContext,
  ): Promise<api.UnassignMemberResponse> {
    return this.#parts.unassignMember.method(request, context);
  }

  async #find(id: string): Promise<Task> {
    new Validation().id('id', id).done();
    const task = await store.findTask(this.#parts.pool, id);
    if (task === undefined) throw missing('task', id);
    return task;
  }

  async #checkAssignee(member: { teamId: string; memberId: string }, origin: CallOrigin): Promise<void> {
    if (member.memberId === '') return;
    rules.checkAssignee(member, await this.#parts.teams.getMembership(member, origin));
  }
}

function addressed({ id, expectedVersion }: { id: string; expectedVersion: number }): Validation {
  return new Validation().id('id', id).version('expected_version', expectedVersion);
}
