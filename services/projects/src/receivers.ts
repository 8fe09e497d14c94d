import type { Pool } from 'pg';
import {
  ProjectsServiceService,
  TaskActivity,
  TaskActivityRecordedEvent,
  type RecordTaskActivityRequest,
  type RecordTaskActivityResponse,
} from '@banyan/contracts/projects';
import type { EdgeProcess, Reactions } from '@banyan/edge';
import type { Queryable } from '@banyan/runtime';
import { domainRefusals } from '@banyan/service-host';
import { missing, Validation } from '@banyan/service-host/rules';
import * as rules from './project.js';
import * as store from './project-store.js';
import { taskActivity } from './task-activity.js';

/** The reactions that are done here: each once, whether its call or its event brings it. */

// #region projects.RecordTaskActivity
/** A project counts its open tasks. */
export function recordTaskActivityReceiver(edges: EdgeProcess, pool: Pool, reactions: Reactions) {
  return edges.receiver({
    edge: 'tasks -> projects.RecordTaskActivity',
    method: ProjectsServiceService.recordTaskActivity,
    triggers: taskActivity,
    effect: (tx, request) => recordTaskActivity(tx, request, reactions),
    refusals: domainRefusals,
    pool,
  });
}
// #endregion

async function recordTaskActivity(
  tx: Queryable,
  { projectId, taskId, activity }: RecordTaskActivityRequest,
  reactions: Reactions,
): Promise<RecordTaskActivityResponse> {
  const added = rules.openTasksAdded(activity);
  const kinds = `must be ${TaskActivity.OPENED} or ${TaskActivity.CLOSED}, not ${activity}`;
  new Validation()
    .id('project_id', projectId)
    .id('task_id', taskId)
    .that('activity', added !== undefined, kinds)
    .done();
  const counted = await store.addOpenTasks(tx, { projectId, added: added ?? 0, now: new Date() });
  if (counted === undefined) throw missing('project', projectId);
  const recorded = { project: counted, taskId, activity };
  await reactions.within(tx, (emit) => emit(TaskActivityRecordedEvent, recorded));
  return { project: counted };
}
