import { ProjectsServiceClient } from '@banyan/contracts/projects';
import { TasksServiceClient } from '@banyan/contracts/tasks';
import { TeamsServiceClient } from '@banyan/contracts/teams';
import { clientFor } from '@banyan/service-host';
import { connectivityState } from '@grpc/grpc-js';

/** host:port of each service. */
export interface ServiceAddresses {
  teamsAddress: string;
  projectsAddress: string;
  tasksAddress: string;
}

/** The gateway's clients of the three services. Tokens of the request being served go along, as any caller's do. */
export class ServiceClients {
  readonly teams: TeamsServiceClient;
  readonly projects: ProjectsServiceClient;
  readonly tasks: TasksServiceClient;

  constructor({ teamsAddress, projectsAddress, tasksAddress }: ServiceAddresses) {
    const caller = 'gateway';
    this.teams = clientFor(TeamsServiceClient, teamsAddress, { caller });
    this.projects = clientFor(ProjectsServiceClient, projectsAddress, { caller });
    this.tasks = clientFor(TasksServiceClient, tasksAddress, { caller });
  }

  /** By service: false while the last attempt to connect has failed. Asking makes an idle client connect. */
  reachable(): Record<'teams' | 'projects' | 'tasks', boolean> {
    const { teams, projects, tasks } = this;
    const [a, b, c] = [teams, projects, tasks].map(
      (client) => client.getChannel().getConnectivityState(true) !== connectivityState.TRANSIENT_FAILURE,
    );
    return { teams: a === true, projects: b === true, tasks: c === true };
  }

  close(): void {
    this.teams.close();
    this.projects.close();
    this.tasks.close();
  }
}
