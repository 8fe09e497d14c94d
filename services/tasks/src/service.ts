import { descriptorSet } from '@banyan/contracts/descriptors';
import { TasksServiceService } from '@banyan/contracts/tasks';
import { migrate } from '@banyan/migrations';
import type { Logger } from '@banyan/runtime';
import { openPool, serve, unaryService, type ServiceHost } from '@banyan/service-host';
import { startBackfiller } from './backfill.js';
import { ProjectEdge } from './project-edge.js';
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
  /** What the edges need to move. Default: nothing, and every edge stays a call. */
  events?: { natsUrl: string; stateDir: string };
  logger: Logger;
}

/** Brings the database up to date and serves tasks from it. */
export async function startTasks(options: TasksOptions): Promise<ServiceHost> {
  const { databaseUrl, address, teamsAddress, projectsAddress, events, logger } = options;
  await migrate({ databaseUrl, roles: ['outbox', 'subscriber', 'tasks'] });
  const pool = openPool(databaseUrl, logger);
  const teams = teamsClient(teamsAddress);
  const projectEdge = events && new ProjectEdge({ ...events, databaseUrl, pool, logger });
  await projectEdge?.start();
  const stopBackfiller = events && startBackfiller({ ...events, databaseUrl, logger });
  const projects = projectsClient(projectsAddress, projectEdge && [projectEdge.interceptor]);
  const changes = new TaskChanges({ pool, projects, logger });
  return serve({
    name: 'tasks',
    address,
    services: [unaryService(TasksServiceService, new TasksHandlers({ pool, changes, projects, teams }))],
    checks: { database: () => pool.query('select 1') },
    descriptors: descriptorSet,
    onStop: [
      async () => {
        teams.close();
        projects.close();
        await projectEdge?.stop();
        await stopBackfiller?.();
        await pool.end();
      },
    ],
    logger,
  });
}
