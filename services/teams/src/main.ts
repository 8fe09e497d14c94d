import { fromEnvironment, processLogger, runProcess } from '@banyan/service-host';
import { startTeams } from './service.js';

const logger = processLogger('teams');

await runProcess('teams', logger, () =>
  startTeams({
    databaseUrl: fromEnvironment('DATABASE_URL'),
    address: fromEnvironment('GRPC_ADDRESS', '127.0.0.1:0'),
    projectsAddress: fromEnvironment('PROJECTS_ADDRESS'),
    tasksAddress: fromEnvironment('TASKS_ADDRESS'),
    natsUrl: fromEnvironment('NATS_URL'),
    stateDir: fromEnvironment('BANYAN_STATE_DIR'),
    logger,
  }),
);
