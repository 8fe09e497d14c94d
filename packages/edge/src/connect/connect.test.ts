import {
  create,
  toJson,
  type DescMessage,
  type DescMethodUnary,
  type MessageShape,
} from '@bufbuild/protobuf';
import { Code, type CallOptions, type ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { status } from '@grpc/grpc-js';
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
    stages: watch,
  });
  watch.start();
  const baseUrl = `http://${provider.address}`;
  transport = createGrpcTransport({ baseUrl, interceptors: [edgeInterceptor([edge.interceptor])] });
});
afterEach(async () => {
  await edge.stop();
  await watch.stop();
  await stand.stop();
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => nats.close());

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
    }
  });
});
