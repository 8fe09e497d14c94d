import type { Pool } from 'pg';
import { ProjectArchivedEvent } from '@banyan/contracts/projects';
import { TasksServiceService } from '@banyan/contracts/tasks';
import { MemberRemovedEvent } from '@banyan/contracts/teams';
import { trigger, type EdgeProcess } from '@banyan/edge';
import { domainRefusals } from '@banyan/service-host';
import { Validation } from '@banyan/service-host/rules';
import * as rules from './task.js';
import type { TaskChanges } from './task-changes.js';
import * as store from './task-store.js';

/** The reactions that are done here: each once, whether its call or its event brings it. */

// #region tasks.ArchiveProjectTasks
/** Archiving a project archives its tasks. */
export function archiveProjectTasksReceiver(edges: EdgeProcess, pool: Pool, changes: TaskChanges) {
  return edges.receiver({
    edge: 'projects -> tasks.ArchiveProjectTasks',
    method: TasksServiceService.archiveProjectTasks,
    triggers: [trigger(ProjectArchivedEvent, ({ project }) => project && { projectId: project.id })],
    effect: async (tx, { projectId }) => {
      new Validation().id('project_id', projectId).done();
      const lock = (limit: number) => store.lockUnarchived(tx, projectId, limit);
      return { archived: await changes.changeAll(tx, lock, (task) => rules.archiveTask(task, new Date())) };
    },
    refusals: domainRefusals,
    pool,
  });
}
// #endregion

// #region tasks.UnassignMember
/** The tasks of a member who leaves become unassigned. */
export function unassignMemberReceiver(edges: EdgeProcess, pool: Pool, changes: TaskChanges) {
  return edges.receiver({
    edge: 'teams -> tasks.UnassignMember',
    method: TasksServiceService.unassignMember,
    triggers: [
      trigger(
        MemberRemovedEvent,
        ({ membership }) => membership && { teamId: membership.teamId, memberId: membership.memberId },
      ),
    ],
    effect: async (tx, member) => {
      new Validation().id('team_id', member.teamId).token('member_id', member.memberId).done();
      const lock = (limit: number) => store.lockAssigned(tx, member, limit);
      return {
        unassigned: await changes.changeAll(tx, lock, (task) => rules.unassignTask(task, new Date())),
      };
    },
    refusals: domainRefusals,
    pool,
  });
}
// #endregion
