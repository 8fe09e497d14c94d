import { credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import {
  GetProjectResponse,
  ProjectsServiceClient,
  ProjectsServiceService,
  type GetProjectRequest,
} from '@banyan/contracts/projects';
import { collectReports, LedgerStore } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { expect, it } from 'vitest';
import { ledgersOf } from './ledgers.js';

it('books the calls of both sides without an edge process, and keeps the provider known of after it has ended', async () => {
  const nats = await testNats();
  const service = uniqueName('alone');
  const ledgers = ledgersOf(service, nats.connection);
  const server = new Server({ interceptors: [ledgers.server] });
  server.addService({ getProject: ProjectsServiceService.getProject }, { getProject: answer });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new ProjectsServiceClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    interceptors: [ledgers.client],
  });
  await ledgers.start();
  await new Promise((resolve) => client.getProject({ id: 'p1' }, resolve));
  const reports = await collectReports(nats.connection, { waitMs: 300, ledgers: true });
  const ledger = reports.find((report) => report.service === service)?.ledger;
  expect(ledger?.client?.methods).toMatchObject([{ started: 1, ended: { OK: 1 } }]);
  expect(ledger?.server?.callers).toMatchObject([
    { caller: service, calls: 1, processes: [{ mark: ledger?.client?.mark }] },
  ]);
  const store = await LedgerStore.open(nats.connection);
  const id = ledger?.server?.id;
  await expect.poll(() => store.servers(service)).toMatchObject([{ id, service }]);
  client.close();
  server.forceShutdown();
  await ledgers.stop();
  expect(await store.servers(service)).toMatchObject([{ id, endedAt: expect.stringMatching(/Z$/) }]);
  await nats.close();
});

function answer(
  { request: { id } }: { request: GetProjectRequest },
  reply: (error: null, response: GetProjectResponse) => void,
): void {
  reply(null, GetProjectResponse.fromPartial({ project: { id, version: 1 } }));
}
