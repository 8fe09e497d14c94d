import { descriptorSet } from '@banyan/contracts/descriptors';
import { TasksServiceService } from '@banyan/contracts/tasks';
import { EdgeProcess, reactions, shows } from '@banyan/edge';
import { migrate } from '@banyan/migrations';
import { Backfiller } from '@banyan/outbox';
import type { Logger } from '@banyan/runtime';
import { openPool, serve, unaryService, type ServiceHost } from '@banyan/service-host';
import { getMembershipEdge, getProjectEdge, recordTaskActivityEdge } from './edges.js';
import { projectsClient } from './projects-client.js';
import { archiveProjectTasksReceiver, unassignMemberReceiver } from './receivers.js';
import { TaskChanges } from './task-changes.js';
import { taskSnapshots } from './task-snapshots.js';
import { TasksHandlers } from './tasks-handlers.js';
import { teamsClient } from './teams-client.js';

export interface TasksOptions {
  databaseUrl: string;
  /** host:port to listen on; port 0 takes a free one. */
  address: string;
  /** host:port of teams. */
  teamsAddress: string;
  /** host:port of projects. */
  projectsAddress: string;
  /** NATS may be away: every edge then stays where it stood. */
  natsUrl: string;
  /** Folder of this process alone, for the last known stages of its edges. */
  stateDir: string;
  logger: Logger;
}

/** Brings the database up to date and serves tasks from it. */
export async function startTasks(options: TasksOptions): Promise<ServiceHost> {
  const { databaseUrl, address, teamsAddress, projectsAddress, natsUrl, stateDir, logger } = options;
  await migrate({ databaseUrl, roles: ['outbox', 'subscriber', 'tasks'] });
  const pool = openPool(databaseUrl, logger);
  // #region edges
  const edges = new EdgeProcess({ service: 'tasks', natsUrl, stateDir, databaseUrl, logger });
  const ledger = edges.clientLedger();
  const projects = projectsClient(projectsAddress, { edges: [getProjectEdge(edges, pool)], ledger });
  const teams = teamsClient(teamsAddress, { edges: [getMembershipEdge(edges, pool)], ledger });
  const nats = edges.connection;
  edges.add(new Backfiller({ source: 'tasks', databaseUrl, nats, snapshots: [taskSnapshots], logger }));
  const changes = new TaskChanges({ pool, reactions: reactions(recordTaskActivityEdge(edges, projects)) });
  const archiveProjectTasks = archiveProjectTasksReceiver(edges, pool, changes);
  const unassignMember = unassignMemberReceiver(edges, pool, changes);
  edges.react({ name: 'tasks-reactions', receivers: [archiveProjectTasks, unassignMember] });
  await edges.start();
  // #endregion
  const parts = { pool, changes, projects, teams, archiveProjectTasks, unassignMember };
  return serve({
    name: 'tasks',
    address,
    services: [unaryService(TasksServiceService, new TasksHandlers(parts))],
    interceptors: [edges.serverLedger().interceptor],
    shows: [
      shows(TasksServiceService.getTask, 'tasks', ({ task }) => [
        task && { key: `task/${task.id}`, version: task.version },
      ]),
    ],
    checks: { database: () => pool.query('select 1') },
    descriptors: descriptorSet,
    onStop: [
      async () => {
        teams.close();
        projects.close();
        await edges.stop();
        await pool.end();
      },
    ],
    logger,
  });
}
