import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { ProjectsServiceClient } from '@banyan/contracts/projects';
import { TasksServiceClient } from '@banyan/contracts/tasks';
import { TeamsServiceClient } from '@banyan/contracts/teams';
import { clientFor } from '@banyan/service-host';

/** Of who shall not see a call fail because the machine is busy, or pauses, in ms. */
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

  /** @param isPatient whether calls have a minute; else as long as any client of the services gives them */
  constructor(addresses: ServiceAddresses, caller: string, { isPatient = false } = {}) {
    const options = { caller, interceptors: isPatient ? [patient] : [] };
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
