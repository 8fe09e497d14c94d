import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the whole workspace. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The dashboard's page, as built. */
export const DASHBOARD = join(ROOT, 'dashboard/dist');

/** The migration of the three services. */
export const PLAYBOOK = join(ROOT, 'playbooks/teams-projects-tasks.yaml');

/** Programs of the workspace, as built. */
export const PROGRAMS = {
  demo: join(ROOT, 'e2e/dist/demo/main.js'),
  dev: join(ROOT, 'e2e/dist/dev/main.js'),
  relay: join(ROOT, 'outbox-relay/bin/banyan-relay.js'),
  banyan: join(ROOT, 'packages/playbook/bin/banyan.js'),
  teams: join(ROOT, 'services/teams/dist/main.js'),
  projects: join(ROOT, 'services/projects/dist/main.js'),
  tasks: join(ROOT, 'services/tasks/dist/main.js'),
  gateway: join(ROOT, 'services/gateway/dist/main.js'),
};
