import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { ProjectsServiceClient } from '@banyan/contracts/projects';
import { TasksServiceClient } from '@banyan/contracts/tasks';
import { TeamsServiceClient } from '@banyan/contracts/teams';
import { clientFor } from '@banyan/service-host';

/** A machine that is busy, or pauses, makes no call fail: who uses the system here is patient. In ms. */
const PATIENCE_MS = 60_000;

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
    const options = { caller, interceptors: [patient] };
    this.teams = clientFor(TeamsServiceClient, addresses.teams, options);
    this.projects = clientFor(ProjectsServiceClient, addresses.projects, options);
    this.tasks = clientFor(TasksServiceClient, addresses.tasks, options);
  }

  close(): void {
    this.teams.close();
    this.projects.close();
    this.tasks.close();
  }
}

const patient: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall({ ...options, deadline: Date.now() + PATIENCE_MS }));
