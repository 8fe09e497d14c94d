import { descriptorSet } from '@banyan/contracts/descriptors';
import { TasksServiceService } from '@banyan/contracts/tasks';
import { migrate } from '@banyan/migrations';
import type { Logger } from '@banyan/runtime';
import { openPool, serve, unaryService, type ServiceHost } from '@banyan/service-host';
import { projectsClient } from './projects-client.js';
import { TaskChanges } from './task-changes.js';
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
  logger: Logger;
}

/** Brings the database up to date and serves tasks from it. */
export async function startTasks(options: TasksOptions): Promise<ServiceHost> {
  const { databaseUrl, address, teamsAddress, projectsAddress, logger } = options;
  await migrate({ databaseUrl, roles: ['outbox', 'subscriber', 'tasks'] });
  const pool = openPool(databaseUrl, logger);
  const teams = teamsClient(teamsAddress);
  const projects = projectsClient(projectsAddress);
  const changes = new TaskChanges({ pool, projects, logger });
  return serve({
    name: 'tasks',
    address,
    services: [unaryService(TasksServiceService, new TasksHandlers({ pool, changes, projects, teams }))],
    checks: { database: () => pool.query('select 1') },
    descriptors: descriptorSet,
    onStop: [
      () => {
        teams.close();
        projects.close();
        return pool.end();
      },
    ],
    logger,
  });
}
