import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { ServiceClients } from '../service-clients.js';
import { membersRoutes } from './members-routes.js';
import { projectsRoutes } from './projects-routes.js';
import { tasksRoutes } from './tasks-routes.js';
import { teamsRoutes } from './teams-routes.js';
import type { Api } from './type-provider.js';

/** REST over the three services, and `/openapi.json` that describes it. For a part of the app whose requests have a scope. */
export async function restApi(app: FastifyInstance, clients: ServiceClients): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Banyan’s example system', version: '0.1.0', description: 'See docs/gateway.md.' },
    },
  });
  const api: Api = app.withTypeProvider();
  teamsRoutes(api, clients);
  membersRoutes(api, clients);
  projectsRoutes(api, clients);
  tasksRoutes(api, clients);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
