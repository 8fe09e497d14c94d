import { descriptorSet } from '@banyan/contracts/descriptors';
import { TeamsServiceService } from '@banyan/contracts/teams';
import { EdgeProcess, reactions, shows } from '@banyan/edge';
import { migrate } from '@banyan/migrations';
import { Backfiller } from '@banyan/outbox';
import type { Logger } from '@banyan/runtime';
import { openPool, serve, unaryService, type ServiceHost, type UnaryHandlers } from '@banyan/service-host';
import { getProjectEdge, unassignMemberEdge } from './edges.js';
import { MembersHandlers } from './members-handlers.js';
import { projectsClient } from './projects-client.js';
import { tasksClient } from './tasks-client.js';
import { membershipSnapshots, teamSnapshots } from './team-snapshots.js';
import { TeamsHandlers } from './teams-handlers.js';

export interface TeamsOptions {
  databaseUrl: string;
  /** host:port to listen on; port 0 takes a free one. */
  address: string;
  /** host:port of projects. */
  projectsAddress: string;
  /** host:port of tasks. */
  tasksAddress: string;
  /** NATS may be away: every edge then stays where it stood. */
  natsUrl: string;
  /** Folder of this process alone, for the last known stages of its edges. */
  stateDir: string;
  logger: Logger;
}

/** Brings the database up to date and serves teams from it. */
export async function startTeams(options: TeamsOptions): Promise<ServiceHost> {
  const { databaseUrl, address, projectsAddress, tasksAddress, natsUrl, stateDir, logger } = options;
  await migrate({ databaseUrl, roles: ['outbox', 'subscriber', 'teams'] });
  const pool = openPool(databaseUrl, logger);
  const edges = new EdgeProcess({ service: 'teams', natsUrl, stateDir, databaseUrl, logger });
  const ledger = edges.clientLedger();
  const projects = projectsClient(projectsAddress, { edges: [getProjectEdge(edges, pool)], ledger });
  const tasks = tasksClient(tasksAddress, { ledger });
  const nats = edges.connection;
  const snapshots = [teamSnapshots, membershipSnapshots];
  edges.add(new Backfiller({ source: 'teams', databaseUrl, nats, snapshots, logger }));
  const teams = new TeamsHandlers({ pool, projects });
  const members = new MembersHandlers({ pool, reactions: reactions(unassignMemberEdge(edges, tasks)) });
  await edges.start();
  return serve({
    name: 'teams',
    address,
    services: [unaryService(TeamsServiceService, joined(teams, members))],
    interceptors: [edges.serverLedger().interceptor],
    shows: [
      shows(TeamsServiceService.getTeam, 'teams', ({ team }) => [
        team && { key: `team/${team.id}`, version: team.version },
      ]),
      shows(TeamsServiceService.getMembership, 'teams', ({ membership }) => [
        membership && { key: `membership/${membership.id}`, version: membership.version },
      ]),
    ],
    checks: { database: () => pool.query('select 1') },
    descriptors: descriptorSet,
    onStop: [
      async () => {
        projects.close();
        tasks.close();
        await edges.stop();
        await pool.end();
      },
    ],
    logger,
  });
}

function joined(teams: TeamsHandlers, members: MembersHandlers): UnaryHandlers<typeof TeamsServiceService> {
  return {
    createTeam: (request, context) => teams.createTeam(request, context),
    getTeam: (request) => teams.getTeam(request),
    listTeams: (request) => teams.listTeams(request),
    renameTeam: (request, context) => teams.renameTeam(request, context),
    archiveTeam: (request, context) => teams.archiveTeam(request, context),
    attachProject: (request, context) => teams.attachProject(request, context),
    getTeamPage: (request, context) => teams.getTeamPage(request, context),
    addMember: (request, context) => members.addMember(request, context),
    removeMember: (request, context) => members.removeMember(request, context),
    getMembership: (request) => members.getMembership(request),
    listMembers: (request) => members.listMembers(request),
  };
}
