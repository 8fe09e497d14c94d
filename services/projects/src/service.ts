import { descriptorSet } from '@banyan/contracts/descriptors';
import { ProjectsServiceService } from '@banyan/contracts/projects';
import { migrate } from '@banyan/migrations';
import type { Logger } from '@banyan/runtime';
import { openPool, serve, unaryService, type ServiceHost } from '@banyan/service-host';
import { startBackfiller } from './backfill.js';
import { ProjectsHandlers } from './projects-handlers.js';
import { tasksClient } from './tasks-client.js';
import { teamsClient } from './teams-client.js';

export interface ProjectsOptions {
  databaseUrl: string;
  /** host:port to listen on; port 0 takes a free one. */
  address: string;
  /** host:port of teams. */
  teamsAddress: string;
  /** host:port of tasks. */
  tasksAddress: string;
  /** For events. Default: nothing is backfilled. */
  natsUrl?: string;
  logger: Logger;
}

/** Brings the database up to date and serves projects from it. */
export async function startProjects(options: ProjectsOptions): Promise<ServiceHost> {
  const { databaseUrl, address, teamsAddress, tasksAddress, natsUrl, logger } = options;
  await migrate({ databaseUrl, roles: ['outbox', 'projects'] });
  const pool = openPool(databaseUrl, logger);
  const stopBackfiller =
    natsUrl === undefined ? undefined : startBackfiller({ natsUrl, databaseUrl, logger });
  const teams = teamsClient(teamsAddress);
  const tasks = tasksClient(tasksAddress);
  const handlers = new ProjectsHandlers({ pool, teams, tasks, logger });
  return serve({
    name: 'projects',
    address,
    services: [unaryService(ProjectsServiceService, handlers)],
    checks: { database: () => pool.query('select 1') },
    descriptors: descriptorSet,
    onStop: [
      async () => {
        teams.close();
        tasks.close();
        await stopBackfiller?.();
        await pool.end();
      },
    ],
    logger,
  });
}
