import { descriptorSet } from '@banyan/contracts/descriptors';
import { ProjectsServiceService } from '@banyan/contracts/projects';
import { EdgeProcess, reactions, shows } from '@banyan/edge';
import { migrate } from '@banyan/migrations';
import { Backfiller } from '@banyan/outbox';
import type { Logger } from '@banyan/runtime';
import { openPool, serve, unaryService, type ServiceHost } from '@banyan/service-host';
import { archiveProjectTasksEdge, getTeamEdge } from './edges.js';
import { projectSnapshots } from './project-snapshots.js';
import { ProjectsHandlers } from './projects-handlers.js';
import { recordTaskActivityReceiver } from './receivers.js';
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
  /** NATS may be away: every edge then stays where it stood. */
  natsUrl: string;
  /** Folder of this process alone, for the last known stages of its edges. */
  stateDir: string;
  logger: Logger;
}

/** Brings the database up to date and serves projects from it. */
export async function startProjects(options: ProjectsOptions): Promise<ServiceHost> {
  const { databaseUrl, address, teamsAddress, tasksAddress, natsUrl, stateDir, logger } = options;
  await migrate({ databaseUrl, roles: ['outbox', 'subscriber', 'projects'] });
  const pool = openPool(databaseUrl, logger);
  const edges = new EdgeProcess({ service: 'projects', natsUrl, stateDir, databaseUrl, logger });
  const ledger = edges.clientLedger();
  const teams = teamsClient(teamsAddress, { edges: [getTeamEdge(edges, pool)], ledger });
  const tasks = tasksClient(tasksAddress, { ledger });
  const nats = edges.connection;
  edges.add(new Backfiller({ source: 'projects', databaseUrl, nats, snapshots: [projectSnapshots], logger }));
  const reacting = reactions(archiveProjectTasksEdge(edges, tasks));
  const recordTaskActivity = recordTaskActivityReceiver(edges, pool, reacting);
  edges.react({ name: 'projects-reactions', receivers: [recordTaskActivity] });
  await edges.start();
  const handlers = new ProjectsHandlers({ pool, teams, reactions: reacting, recordTaskActivity });
  return serve({
    name: 'projects',
    address,
    services: [unaryService(ProjectsServiceService, handlers)],
    interceptors: [edges.serverLedger().interceptor],
    shows: [
      shows(ProjectsServiceService.getProject, 'projects', ({ project }) => [
        project && { key: `project/${project.id}`, version: project.version },
      ]),
    ],
    checks: { database: () => pool.query('select 1') },
    descriptors: descriptorSet,
    onStop: [
      async () => {
        teams.close();
        tasks.close();
        await edges.stop();
        await pool.end();
      },
    ],
    logger,
  });
}
