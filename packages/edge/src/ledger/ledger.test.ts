import { credentials, Metadata, type CallOptions } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ProjectsServiceClient, type GetProjectResponse } from '@banyan/contracts/projects';
import type { MethodCaller } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { EdgeStand } from '../testing/edge-stand.js';
import { clientLedger, type ClientLedger } from './client-ledger.js';
import { CALLER_HEADER, LEDGER_HEADER } from './headers.js';
import { serverLedger, type ServerLedger } from './server-ledger.js';

const PATH = '/projects.v1.ProjectsService/GetProject';

let nats: Awaited<ReturnType<typeof testNats>>;
let stand: EdgeStand;
let called: ClientLedger;
let callers: ServerLedger;
const clients: ProjectsServiceClient[] = [];

beforeAll(async () => {
  nats = await testNats();
});
beforeEach(async () => {
  called = clientLedger({ service: 'tasks' });
  callers = serverLedger();
  const edge = `${uniqueName('tasks')} -> projects.GetProject`;
  stand = new EdgeStand(
    edge,
    nats.connection,
    { sampleShare: 1 },
    { serverInterceptors: [callers.interceptor] },
  );
  await stand.start();
  stand.put('p1');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await stand.stop();
});
afterAll(() => nats.close());

/** @param ways what the client is built with */
function clientWith(...ways: { interceptor: ClientLedger['interceptor'] }[]): ProjectsServiceClient {
  const interceptors = ways.map(({ interceptor }) => interceptor);
  const client = new ProjectsServiceClient(stand.provider.address, credentials.createInsecure(), {
    interceptors,
  });
  clients.push(client);
  return client;
}

interface Asked {
  id?: string;
  metadata?: Metadata;
  options?: Partial<CallOptions>;
}

function ask(client: ProjectsServiceClient, asked: Asked = {}): Promise<GetProjectResponse> {
  const { id = 'p1', metadata = new Metadata(), options = {} } = asked;
  return new Promise((resolve, reject) => {
    client.getProject({ id }, metadata, options, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}

function named(name: string): Metadata {
  const metadata = new Metadata();
  metadata.set(CALLER_HEADER, name);
  return metadata;
}

const callerNamed = (name: string): MethodCaller | undefined =>
  callers.report().callers.find(({ caller }) => caller === name);

describe('the ledgers of caller and provider', () => {
  it('have the same calls, by method, status and version', async () => {
    const client = clientWith(called);
    await ask(client);
    await ask(client);
    await expect(ask(client, { id: 'none' })).rejects.toThrow('no project');
    const { mark, methods } = called.report();
    const counted = { path: PATH, started: 3, ended: { OK: 2, NOT_FOUND: 1 }, onEdge: 0 };
    expect(methods).toEqual([{ ...counted, lastAgoMs: expect.any(Number) }]);
    expect(mark).toMatch(/^\d+\.\d+\.\d+\/[0-9a-f]{8}$/);
    const lastAgoMs = expect.any(Number) as number;
    const processes = [{ mark, calls: 3, repeated: 0, lastAgoMs }];
    expect(callers.report().callers).toEqual([
      { path: PATH, caller: 'tasks', calls: 3, lastAgoMs, processes },
    ]);
  });

  it('know a call that never arrived as one that was made', async () => {
    const client = clientWith(called);
    stand.provider.stop();
    await expect(ask(client, { options: { deadline: Date.now() + 30_000 } })).rejects.toThrow();
    expect(called.report().methods).toMatchObject([{ started: 1, ended: { UNAVAILABLE: 1 } }]);
    expect(callers.report().callers).toEqual([]);
  });

  it('tell calls that came through their edge from those that did not', async () => {
    await ask(clientWith(stand.edge, called));
    await ask(clientWith(called));
    expect(called.report().methods).toMatchObject([{ started: 2, onEdge: 1 }]);
  });

  it('have no call that a replica has answered', async () => {
    await stand.move('replica');
    await ask(clientWith(stand.edge, called));
    expect(called.report().methods).toEqual([]);
    expect(callers.report().callers).toEqual([]);
  });

  it('have the provider’s own side of a comparison, for it is a call', async () => {
    await stand.move('prefer-replica');
    await ask(clientWith(stand.edge, called));
    await stand.edge.settled();
    expect(callerNamed('tasks')).toMatchObject({ calls: 1 });
    expect(called.report().methods).toMatchObject([{ started: 1, onEdge: 1 }]);
  });

  it('leave the metadata of callers as it was', async () => {
    const metadata = new Metadata();
    await ask(clientWith(called), { metadata });
    expect([...metadata.get(CALLER_HEADER), ...metadata.get(LEDGER_HEADER)]).toEqual([]);
  });
});

describe('the ledger of a provider', () => {
  it('shows calls of a client without a ledger, named and not named', async () => {
    const plain = clientWith();
    await ask(plain, { metadata: named('tasks') });
    await ask(plain);
    expect(callerNamed('tasks')).toMatchObject({ processes: [{ mark: '', calls: 1 }] });
    expect(callerNamed('unknown')).toMatchObject({ processes: [{ mark: '', calls: 1 }] });
  });

  it('tells attempts that grpc repeats by itself', async () => {
    const metadata = new Metadata();
    metadata.set('grpc-previous-rpc-attempts', '1');
    await ask(clientWith(called), { metadata });
    expect(callerNamed('tasks')).toMatchObject({ calls: 1, processes: [{ calls: 1, repeated: 1 }] });
  });

  it('does not grow with whoever calls, and forgets no call', async () => {
    const plain = clientWith();
    for (let i = 0; i < 310; i++) await ask(plain, { metadata: named(`caller-${i}`) });
    for (let i = 0; i < 120; i++) {
      const metadata = named('caller-1');
      metadata.set(LEDGER_HEADER, `0.1.0/${i}`);
      await ask(plain, { metadata });
    }
    await ask(plain);
    expect(callerNamed('others')).toMatchObject({ calls: 10 });
    expect(callerNamed('unknown')).toMatchObject({ calls: 1 });
    const many = callerNamed('caller-1');
    expect(many).toMatchObject({ calls: 121 });
    expect(many?.processes.length).toBeLessThan(10);
    const told = JSON.stringify(callers.report());
    expect(Buffer.byteLength(told)).toBeLessThan(500_000);
  });
});
