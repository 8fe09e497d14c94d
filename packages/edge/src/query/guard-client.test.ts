import { credentials, InterceptingCall, Metadata, type CallOptions, type Interceptor } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TasksServiceClient } from '@banyan/contracts/tasks';
import type { GetProjectResponse, ProjectsServiceClient } from '@banyan/contracts/projects';
import { testNats, uniqueName } from '@banyan/devstack';
import { silentLogger } from '@banyan/runtime';
import { guardClient } from './guard-client.js';
import { EdgeStand, projectOf } from '../testing/edge-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let stand: EdgeStand;
let warnings: { message: string; fields: object }[];

beforeAll(async () => {
  nats = await testNats();
});
afterAll(() => nats.close());

async function start(): Promise<void> {
  warnings = [];
  const warn = (message: string, fields: object = {}): void => void warnings.push({ message, fields });
  stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, {
    logger: { ...silentLogger, warn },
  });
  await stand.start();
  stand.provider.rows.set('p1', projectOf('p1', 1, 'of the provider'));
  stand.replica.put(projectOf('p1', 1, 'of the replica'));
  await stand.move('replica');
}
afterEach(() => stand.stop());

const traced: Interceptor = (options, next) => new InterceptingCall(next(options));

function ask(client: ProjectsServiceClient, options: Partial<CallOptions>): Promise<GetProjectResponse> {
  return new Promise((resolve, reject) => {
    client.getProject({ id: 'p1' }, new Metadata(), options, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}

describe('a guarded client', () => {
  it.each([
    ['interceptors', { interceptors: [traced] }],
    ['interceptor providers', { interceptor_providers: [() => traced] }],
  ])(
    'keeps a call with %s of its own on the edge, counts it, and says once where it is made',
    async (_, own) => {
      await start();
      const unguarded = await ask(stand.client, own);
      expect(unguarded.project?.name).toBe('of the provider');
      const client = guardClient(stand.newClient(), [stand.edge]);
      for (let i = 0; i < 3; i++) expect((await ask(client, own)).project?.name).toBe('of the replica');
      expect(stand.edge.report(false).bypasses).toEqual({ repaired: 3, missed: 0 });
      expect(warnings).toHaveLength(1);
      expect(warnings[0]?.fields).toMatchObject({ at: expect.stringContaining('guard-client.test.ts') });
      client.close();
    },
  );

  it('leaves other calls as they are, in every form that the generated client has', async () => {
    await start();
    const client = guardClient(stand.newClient(), [stand.edge]);
    const forms = [
      (done: (error: unknown) => void) => client.getProject({ id: 'p1' }, done),
      (done: (error: unknown) => void) => client.getProject({ id: 'p1' }, new Metadata(), done),
      (done: (error: unknown) => void) =>
        client.getProject(
          { id: 'p1' },
          new Metadata(),
          { interceptors: [traced, stand.edge.interceptor] },
          done,
        ),
    ];
    for (const form of forms) expect(await new Promise((resolve) => form(resolve))).toBeNull();
    expect(stand.edge.report(false).bypasses).toEqual({ repaired: 0, missed: 0 });
    expect(stand.edge.report(true).evidence.at(-1)?.calls.byReplica).toBe(3);
    client.close();
  });

  it('counts the calls of a client that was built without the edge', async () => {
    await start();
    const client = guardClient(stand.newPlainClient(), [stand.edge]);
    expect((await ask(client, {})).project?.name).toBe('of the provider');
    expect(stand.edge.report(false).bypasses).toEqual({ repaired: 0, missed: 1 });
    expect(warnings[0]?.message).toContain('went past the edge');
    client.close();
  });

  it('must have the method of the edge', async () => {
    await start();
    const other = new TasksServiceClient(stand.provider.address, credentials.createInsecure());
    expect(() => guardClient(other, [stand.edge])).toThrow(/has no method .*GetProject/);
    other.close();
  });
});
