import { Metadata as WireMetadata, status, type ServerUnaryCall } from '@grpc/grpc-js';
import {
  ClientError,
  createChannel,
  createClientFactory,
  createServer,
  Metadata,
  Status,
  type CallOptions,
  type Channel,
  type ClientMiddleware,
} from 'nice-grpc';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ProjectsServiceService, type GetProjectResponse } from '@banyan/contracts/projects';
import { testNats, uniqueName } from '@banyan/devstack';
import { edgeMiddleware } from './index.js';
import { EdgeStand, NEVER, projectOf } from '../testing/edge-stand.js';
import { signing, type Sighting } from '../testing/signing.js';
import { listItems, type ListRequest } from '../testing/stream-stand.js';

let nats: Awaited<ReturnType<typeof testNats>>;
let stand: EdgeStand;
let channel: Channel;

beforeAll(async () => {
  nats = await testNats();
});
beforeEach(async () => {
  stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, { sampleShare: 1 });
  await stand.start();
  stand.provider.rows.set('p1', projectOf('p1', 1, 'of the provider'));
  stand.replica.put(projectOf('p1', 1, 'of the replica'));
  channel = createChannel(stand.provider.address);
});
afterEach(async () => {
  channel.close();
  await stand.stop();
});
afterAll(() => nats.close());

function get(id: string, options: CallOptions = {}): Promise<GetProjectResponse> {
  const client = createClientFactory()
    .use(edgeMiddleware([stand.edge.interceptor]))
    .create(ProjectsServiceService, channel);
  return client.getProject({ id }, options);
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => Promise.reject(new Error('the call did not fail')),
    (error: unknown) => error,
  );

describe('a client of nice-grpc with an edge', () => {
  it('is answered by the stage’s side, and counted', async () => {
    const named = async (): Promise<string | undefined> => (await get('p1')).project?.name;
    expect(await named()).toBe('of the provider');
    for (const stage of ['prefer-replica', 'replica'] as const) {
      await stand.move(stage);
      expect(await named()).toBe('of the replica');
      expect((await stand.evidence()).calls).toEqual({ ok: 1, failed: 0, byReplica: 1 });
    }
    stand.provider.stop();
    expect(await named()).toBe('of the replica');
  });

  it('is compared at shadow and sampled at prefer-replica, with calls of the edge’s own', async () => {
    for (const stage of ['shadow', 'prefer-replica'] as const) {
      await stand.move(stage);
      await get('p1');
      expect((await stand.evidence()).comparisons.wrong).toBe(1);
    }
    expect(stand.provider.calls).toBe(2);
  });

  it('is compared all the same when its caller aborts after the answer', async () => {
    await stand.move('prefer-replica');
    const abort = new AbortController();
    stand.provider.handler = (_call, answer) => {
      abort.abort();
      answer(null, projectOf('p1', 1, 'of the provider'));
    };
    expect((await get('p1', { signal: abort.signal })).project?.name).toBe('of the replica');
    expect((await stand.evidence()).comparisons.wrong).toBe(1);
  });

  it('gets statuses, headers and trailers as without the edge', async () => {
    let refuses = true;
    stand.provider.handler = (call, answer) => {
      const trailer = new WireMetadata();
      trailer.add('end', 'of it');
      trailer.add('raw-bin', Buffer.from([0, 255]));
      call.sendMetadata(call.metadata);
      if (refuses) answer({ code: status.FAILED_PRECONDITION, details: 'not now', metadata: trailer });
      else answer(null, projectOf('p1', 1), trailer);
    };
    const seen: Record<string, Metadata> = {};
    const options: CallOptions = {
      metadata: Metadata({ trace: 'one', 'raw-bin': Buffer.from([1, 2]) }),
      onHeader: (header) => (seen['header'] = header),
      onTrailer: (trailer) => (seen['trailer'] = trailer),
    };
    const expectAll = (): void => {
      const { header, trailer } = seen;
      expect([header?.get('trace'), Buffer.from(header?.get('raw-bin') ?? [])]).toEqual([
        'one',
        Buffer.from([1, 2]),
      ]);
      expect([trailer?.get('end'), Buffer.from(trailer?.get('raw-bin') ?? [])]).toEqual([
        'of it',
        Buffer.from([0, 255]),
      ]);
    };
    const refused = await failure(get('p1', options));
    expect(refused).toBeInstanceOf(ClientError);
    expect(refused).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not now' });
    expectAll();
    refuses = false;
    expect(await get('p1', options)).toEqual(projectOf('p1', 1));
    expectAll();
    await stand.move('replica');
    expect(await failure(get('nobody'))).toMatchObject({ code: status.NOT_FOUND });
  });

  it('gets the error of what lies further in, as that threw it', async () => {
    class TheirError extends ClientError {}
    const thrown = new TheirError('/path', Status.RESOURCE_EXHAUSTED, 'enough');
    const refusing: ClientMiddleware = () => {
      throw thrown;
    };
    const client = createClientFactory()
      .use(refusing)
      .use(edgeMiddleware([stand.edge.interceptor]))
      .create(ProjectsServiceService, channel);
    expect(await failure(client.getProject({ id: 'p1' }))).toBe(thrown);
  });

  it('takes interceptors of grpc-js, the first one outermost, which see and change all of a call', async () => {
    const seen: Sighting[] = [];
    stand.provider.handler = (call, answer) => {
      call.sendMetadata(call.metadata);
      answer({ code: status.NOT_FOUND, details: call.request.id, metadata: call.metadata });
    };
    const client = createClientFactory()
      .use(edgeMiddleware([signing('a', seen), signing('b', seen), stand.edge.interceptor]))
      .create(ProjectsServiceService, channel);
    expect(await failure(client.getProject({ id: 'p1' }))).toMatchObject({ details: 'p1-a-b' });
    expect(seen.map(({ by, code }) => [by, code])).toEqual([
      ['b', undefined],
      ['a', undefined],
      ['b', status.NOT_FOUND],
      ['a', status.NOT_FOUND],
    ]);
    expect(seen.map(({ header, trailer }) => (header ?? trailer)?.get('via').join())).toEqual(
      Array.from({ length: 4 }, () => expect.stringMatching(/^a, ?b$/) as unknown),
    );
  });

  it('leaves streams alone', async () => {
    const service = { listItems: { ...listItems, requestStream: false, responseStream: true } } as const;
    const server = createServer();
    server.add(service, {
      async *listItems({ count }: ListRequest) {
        for (let n = 0; n < count; n++) yield await Promise.resolve({ n, of: 'provider' as const });
      },
    });
    const port = await server.listen('127.0.0.1:0');
    const items = createChannel(`127.0.0.1:${port}`);
    try {
      const client = createClientFactory()
        .use(edgeMiddleware([stand.edge.interceptor]))
        .create(service, items);
      const got: number[] = [];
      for await (const { n } of client.listItems({ count: 3 })) got.push(n);
      expect(got).toEqual([0, 1, 2]);
    } finally {
      items.close();
      server.forceShutdown();
    }
  });

  it('is cancelled by its signal, whoever answers', async () => {
    const begun: ServerUnaryCall<unknown, unknown>[] = [];
    stand.provider.handler = (call) => void begun.push(call);
    stand.replica.before = () => NEVER;
    for (const stage of ['call', 'replica'] as const) {
      if (stage !== 'call') await stand.move(stage);
      const abort = new AbortController();
      const cancelled = failure(get('p1', { signal: abort.signal }));
      if (stage === 'call') await expect.poll(() => begun).toHaveLength(1);
      abort.abort();
      expect(await cancelled).toMatchObject({ name: 'AbortError' });
    }
    await expect.poll(() => begun.map(({ cancelled }) => cancelled)).toEqual([true]);
  });
});
