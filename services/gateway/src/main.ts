import { fromEnvironment, processLogger, runProcess } from '@banyan/service-host';
import { startGateway } from './gateway.js';
import { readDatabases } from './operator/read-databases.js';

const logger = processLogger('gateway');

await runProcess('gateway', logger, () =>
  startGateway({
    address: fromEnvironment('HTTP_ADDRESS', '127.0.0.1:0'),
    teamsAddress: fromEnvironment('TEAMS_ADDRESS'),
    projectsAddress: fromEnvironment('PROJECTS_ADDRESS'),
    tasksAddress: fromEnvironment('TASKS_ADDRESS'),
    natsUrl: fromEnvironment('NATS_URL'),
    stateDir: fromEnvironment('BANYAN_STATE_DIR'),
    live: { unflagged: fromEnvironment('GATEWAY_LIVE', 'poll') === 'push' ? 'push' : 'poll' },
    operatorToken: fromEnvironment('OPERATOR_TOKEN', ''),
    operatorDatabases: readDatabases(fromEnvironment('OPERATOR_DATABASES', '{}')),
    playbook: fromEnvironment('PLAYBOOK', ''),
    dashboardDir: fromEnvironment('DASHBOARD_DIR', ''),
    logger,
  }),
);
