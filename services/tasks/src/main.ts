import { fromEnvironment, processLogger, runProcess } from '@banyan/service-host';
import { startTasks } from './service.js';

const logger = processLogger('tasks');

await runProcess('tasks', logger, () =>
  startTasks({
    databaseUrl: fromEnvironment('DATABASE_URL'),
    address: fromEnvironment('GRPC_ADDRESS', '127.0.0.1:0'),
    teamsAddress: fromEnvironment('TEAMS_ADDRESS'),
    projectsAddress: fromEnvironment('PROJECTS_ADDRESS'),
    natsUrl: fromEnvironment('NATS_URL'),
    stateDir: fromEnvironment('BANYAN_STATE_DIR'),
    logger,
  }),
);
