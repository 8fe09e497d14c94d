import { status } from '@grpc/grpc-js';
import {
  ClientError,
  createChannel,
  createClientFactory,
  Metadata,
  type Channel,
  type CallOptions,
} from 'nice-grpc';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ProjectsServiceService, type GetProjectResponse } from '@banyan/contracts/projects';
import { testNats, uniqueName } from '@banyan/devstack';
import { edgeMiddleware } from './index.js';
import { EdgeStand, NEVER, projectOf } from '../testing/edge-stand.js';

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

  it('gets statuses, headers and trailers as without the edge', async () => {
    stand.provider.handler = (call, answer) => {
      call.sendMetadata(call.metadata);
      answer({ code: status.FAILED_PRECONDITION, details: 'not now', metadata: call.metadata });
    };
    const seen: unknown[] = [];
    const options: CallOptions = {
      metadata: Metadata({ trace: 'one', 'raw-bin': Buffer.from([0, 255]) }),
      onHeader: (header) => seen.push(header.get('trace')),
      onTrailer: (trailer) => seen.push(trailer.get('trace'), Buffer.from(trailer.get('raw-bin') ?? [])),
    };
    const refused = await failure(get('p1', options));
    expect(refused).toBeInstanceOf(ClientError);
    expect(refused).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'not now' });
    expect(seen).toEqual(expect.arrayContaining(['one', Buffer.from([0, 255])]));
    await stand.move('replica');
    expect(await failure(get('nobody'))).toMatchObject({ code: status.NOT_FOUND });
  });

  it('is cancelled by its signal, whoever answers', async () => {
    stand.provider.handler = () => undefined;
    stand.replica.before = () => NEVER;
    for (const stage of ['call', 'replica'] as const) {
      if (stage !== 'call') await stand.move(stage);
      const abort = new AbortController();
      const cancelled = failure(get('p1', { signal: abort.signal }));
      abort.abort();
      expect(await cancelled).toMatchObject({ name: 'AbortError' });
    }
  });
});
