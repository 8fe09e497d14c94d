import {
  GetProjectResponse,
  Project,
  ProjectRenamedEvent,
  ProjectsServiceClient,
  ProjectsServiceService,
  RenameProjectResponse,
  type RenameProjectRequest,
} from '@banyan/contracts/projects';
import { testDatabase } from '@banyan/devstack';
import { emit } from '@banyan/outbox';
import { clientFor, serve, unaryService } from '@banyan/service-host';
import { expect, it } from 'vitest';
import { inOwnTransaction, projectShown, renameAndRead } from './freshness.js';

it('has a session see what it wrote and what it read', async () => {
  const database = await testDatabase({ roles: ['outbox'] });
  const { getProject, renameProject } = ProjectsServiceService;
  const renamed = ({ id, name }: RenameProjectRequest) => Project.fromPartial({ id, name, version: 2 });
  const handlers = {
    renameProject: async (request: RenameProjectRequest) => {
      const event = { project: renamed(request), previousName: '' };
      await inOwnTransaction(database.pool, (tx) => emit(tx, ProjectRenamedEvent, event));
      return RenameProjectResponse.fromPartial({ project: event.project });
    },
    getProject: ({ id }: { id: string }) =>
      Promise.resolve(GetProjectResponse.fromPartial({ project: { id, version: 3 } })),
  };
  const service = unaryService({ getProject, renameProject }, handlers);
  const host = await serve({ name: 'projects', services: [service], shows: [projectShown] });
  const client = clientFor(ProjectsServiceClient, host.address, { caller: 'example' });
  const { session } = await renameAndRead(client, 'p1', 'Grove');
  expect(session.seen.get('projects', 'project/p1')).toMatchObject({ version: 3, epoch: 1 });
  client.close();
  await host.stop();
  await database.drop();
});
