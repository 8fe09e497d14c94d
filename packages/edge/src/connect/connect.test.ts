import {
  create,
  toJson,
  type DescMessage,
  type DescMethodUnary,
  type MessageShape,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  decodeBinaryHeader,
  encodeBinaryHeader,
  type CallOptions,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Metadata, status } from '@grpc/grpc-js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { descriptorRegistry } from '@banyan/contracts/descriptors';
import { changeStage, StageWatch, type QueryStage } from '@banyan/control';
import { testNats, uniqueName } from '@banyan/devstack';
import { edgeInterceptor, unaryMethod } from './index.js';
import { queryEdge, type QueryEdge } from '../query/query-edge.js';
import { EdgeStand, NEVER, projectOf } from '../testing/edge-stand.js';
import { signing, type Sighting } from '../testing/signing.js';

type Message = MessageShape<DescMessage>;

const service = descriptorRegistry().getService('projects.v1.ProjectsService')!;
const method = service.method['getProject'] as DescMethodUnary;

let nats: Awaited<ReturnType<typeof testNats>>;
let provider: EdgeStand['provider'];
let stand: EdgeStand;
let watch: StageWatch;
let edge: QueryEdge<Message, Message>;
let transport: Transport;
let folder: string;
let answer: () => Promise<Message>;

beforeAll(async () => {
  nats = await testNats();
});
beforeEach(async () => {
  stand = new EdgeStand(`${uniqueName('tasks')} -> projects.GetProject`, nats.connection, {});
  await stand.start();
  provider = stand.provider;
  provider.rows.set('p1', projectOf('p1', 1, 'of the provider'));
  folder = mkdtempSync(join(tmpdir(), 'banyan-connect-'));
  watch = new StageWatch({ connection: nats.connection, stateDir: folder });
  answer = () => Promise.resolve(messageOf('p1', 'of the replica'));
  edge = queryEdge({
    edge: `${uniqueName('teams')} -> projects.GetProject`,
    method: unaryMethod(method),
    replica: { read: () => answer(), freshness: () => ({ asOfMs: Date.now() }) },
    compare: { version: (message) => Number(jsonOf(message).project?.version) },
    budget: { stalenessMs: 2_000 },
    sampleShare: 1,
    readTimeoutMs: 60_000,
    stages: watch,
  });
  watch.start();
  transport = transportOf(edgeInterceptor([edge.interceptor]));
});
afterEach(async () => {
  await edge.stop();
  await watch.stop();
  await stand.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => nats.close());

function transportOf(...interceptors: Interceptor[]): Transport {
  return createGrpcTransport({ baseUrl: `http://${provider.address}`, interceptors });
}

function messageOf(id: string, name: string): Message {
  const message = create(method.output, {});
  const project = method.output.fields.find((field) => field.localName === 'project');
  return Object.assign(message, { project: create(project!.message!, { id, version: 1n, name }) });
}

interface ProjectJson {
  project?: { name: string; version: string };
}
const jsonOf = (message: Message): ProjectJson => toJson(method.output, message) as ProjectJson;

async function get(id: string, options: CallOptions = {}): Promise<ProjectJson> {
  // What a client does; its methods have no types where the service is looked up at run time.
  const { signal, timeoutMs, headers } = options;
  return jsonOf((await transport.unary(method, signal, timeoutMs, headers, { id })).message);
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => Promise.reject(new Error('the call did not fail')),
    (error: unknown) => error,
  );

async function move(stage: QueryStage): Promise<void> {
  const { running, record } = edge.stage;
  const given = { from: running.stage, by: 'test', why: 'test', expected: record?.changeId, waitMs: 1 };
  await changeStage(nats.connection, { edge: edge.stage.name.text, stage, ...given });
  await expect.poll(() => edge.stage.running.stage).toBe(stage);
}

describe('a client of Connect with an edge', () => {
  it('is answered by the stage’s side, counted and compared', async () => {
    expect((await get('p1')).project?.name).toBe('of the provider');
    for (const stage of ['shadow', 'prefer-replica', 'replica'] as const) {
      await move(stage);
      const name = stage === 'shadow' ? 'of the provider' : 'of the replica';
      expect((await get('p1')).project?.name).toBe(name);
      await edge.settled();
      const { calls, comparisons } = edge.report(true).evidence.at(-1)!;
      expect(calls).toMatchObject({ ok: 1, failed: 0 });
      expect(comparisons.wrong).toBe(stage === 'replica' ? 0 : 1);
    }
    provider.stop();
    expect((await get('p1')).project?.name).toBe('of the replica');
  });

  it('gets statuses, headers and trailers as without the edge', async () => {
    provider.handler = (call, end) => {
      end({ code: status.FAILED_PRECONDITION, details: 'not now', metadata: call.metadata });
    };
    const refused = await failure(get('p1', { headers: { trace: 'one' } }));
    expect(refused).toMatchObject({ code: Code.FailedPrecondition, rawMessage: 'not now' });
    expect((refused as ConnectError).metadata.get('trace')).toBe('one');
    await move('replica');
    answer = () => Promise.reject(new Error('no database'));
    expect(await failure(get('p1'))).toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining('BANYAN_REPLICA_FAILED'),
    });
  });

  it('gets the headers and trailers of an answer too, binary ones as they were', async () => {
    provider.handler = (call, end) => {
      const trailer = new Metadata();
      trailer.add('end', 'of it');
      trailer.add('raw-bin', Buffer.from([0, 255]));
      call.sendMetadata(call.metadata);
      end(null, projectOf('p1', 1), trailer);
    };
    const headers = { trace: 'one', 'raw-bin': encodeBinaryHeader(Buffer.from([1, 2])) };
    const { header, trailer } = await transport.unary(method, undefined, undefined, headers, { id: 'p1' });
    const bytesIn = (found: Headers): number[] => [...decodeBinaryHeader(found.get('raw-bin') ?? '')];
    expect([header.get('trace'), bytesIn(header)]).toEqual(['one', [1, 2]]);
    expect([trailer.get('end'), bytesIn(trailer)]).toEqual(['of it', [0, 255]]);
  });

  it('gets the error of what lies further in, as that threw it', async () => {
    class TheirError extends ConnectError {}
    const thrown = new TheirError('enough', Code.ResourceExhausted);
    const refusing: Interceptor = () => () => Promise.reject(thrown);
    transport = transportOf(edgeInterceptor([edge.interceptor]), refusing);
    expect(await failure(get('p1'))).toBe(thrown);
  });

  it('takes interceptors of grpc-js, the first one outermost, which see and change all of a call', async () => {
    const seen: Sighting[] = [];
    transport = transportOf(edgeInterceptor([signing('a', seen), signing('b', seen), edge.interceptor]));
    const both: unknown = expect.stringMatching(/^a, ?b$/);
    const told = (): unknown[] =>
      seen
        .splice(0)
        .map(({ by, header, trailer, code }) => [by, (header ?? trailer)?.get('via').join(), code]);
    provider.handler = (call, end) =>
      end({ code: status.NOT_FOUND, details: call.request.id, metadata: call.metadata });
    expect(await failure(get('p1'))).toMatchObject({ code: Code.NotFound, rawMessage: 'p1-a-b' });
    expect(told()).toEqual(['b', 'a'].map((by) => [by, both, status.NOT_FOUND]));
    provider.handler = (call, end) => {
      call.sendMetadata(call.metadata);
      end(null, projectOf(call.request.id, 1), call.metadata);
    };
    expect((await get('p1')).project?.name).toBe('p1-a-b at 1');
    const headers = ['b', 'a'].map((by) => [by, both, undefined]);
    expect(told()).toEqual([...headers, ...['b', 'a'].map((by) => [by, both, status.OK])]);
  });

  it('leaves streams alone', async () => {
    // Over the wire a unary answer is a stream of one.
    const streaming = { ...method, methodKind: 'server_streaming' as const };
    const request = create(method.input, { id: 'p1' });
    const input = (async function* () {
      yield await Promise.resolve(request);
    })();
    const { message } = await transport.stream(streaming, undefined, undefined, undefined, input);
    const names: unknown[] = [];
    for await (const each of message) names.push(jsonOf(each).project?.name);
    expect(names).toEqual(['of the provider']);
    expect(edge.report(true).evidence).toEqual([]);
  });

  it('tells the edge how long it has, so that the provider can answer where the replica hangs', async () => {
    await move('prefer-replica');
    answer = () => NEVER;
    expect((await get('p1', { timeoutMs: 3_000 })).project?.name).toBe('of the provider');
  });

  it('keeps its deadline and its signal, whoever answers', async () => {
    provider.handler = () => undefined;
    answer = () => NEVER;
    for (const stage of ['call', 'prefer-replica', 'replica'] as const) {
      if (stage !== 'call') await move(stage);
      expect(await failure(get('p1', { timeoutMs: 80 }))).toMatchObject({ code: Code.DeadlineExceeded });
      const abort = new AbortController();
      const cancelled = failure(get('p1', { signal: abort.signal }));
      abort.abort();
      expect(await cancelled).toMatchObject({ code: Code.Canceled });
      await expect.poll(() => edge.report(true).evidence.at(-1)?.calls).toMatchObject({ ok: 0, failed: 2 });
    }
  });
});
