import { fromEnvironment, processLogger, runProcess } from '@banyan/service-host';
import { startProjects } from './service.js';

const logger = processLogger('projects');

await runProcess('projects', logger, () =>
  startProjects({
    databaseUrl: fromEnvironment('DATABASE_URL'),
    address: fromEnvironment('GRPC_ADDRESS', '127.0.0.1:0'),
    teamsAddress: fromEnvironment('TEAMS_ADDRESS'),
    tasksAddress: fromEnvironment('TASKS_ADDRESS'),
    natsUrl: fromEnvironment('NATS_URL'),
    stateDir: fromEnvironment('BANYAN_STATE_DIR'),
    logger,
  }),
);
