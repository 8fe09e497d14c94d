import { ProjectsServiceClient } from '@banyan/contracts/projects';
import { TasksServiceClient } from '@banyan/contracts/tasks';
import { TeamsServiceClient } from '@banyan/contracts/teams';
import { clientFor } from '@banyan/service-host';

export interface ServiceAddresses {
  teams: string;
  projects: string;
  tasks: string;
}

/** Plain clients of the three services, as any user of theirs has: they know nothing of edges and stages. */
export class Clients {
  readonly teams: TeamsServiceClient;
  readonly projects: ProjectsServiceClient;
  readonly tasks: TasksServiceClient;

  constructor(addresses: ServiceAddresses, caller: string) {
    this.teams = clientFor(TeamsServiceClient, addresses.teams, { caller });
    this.projects = clientFor(ProjectsServiceClient, addresses.projects, { caller });
    this.tasks = clientFor(TasksServiceClient, addresses.tasks, { caller });
  }

  close(): void {
    this.teams.close();
    this.projects.close();
    this.tasks.close();
  }
}
