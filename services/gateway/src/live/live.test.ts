import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  MemberAddedEvent,
  MemberRemovedEvent,
  MembershipState,
  type MemberAdded,
} from '@banyan/contracts/teams';
import { TaskAssignedEvent, TaskRenamedEvent, TaskState, type TaskRenamed } from '@banyan/contracts/tasks';
import { FlagStore, planFlag } from '@banyan/control';
import { startNats, type NatsServer } from '@banyan/devstack';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { FastifyRequest } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GatewayConfig } from '../gateway-options.js';
import { startGateway, type Gateway } from '../gateway.js';
import { LiveSocket, type Frame } from '../testing/live-socket.js';
import { TestStreams } from '../testing/test-streams.js';
import type { LiveOptions } from './live-options.js';

let folder: string;
let nats: NatsServer;
let connection: NatsConnection;
let streams: TestStreams;
let gateway: Gateway;
const sockets: LiveSocket[] = [];

const LIVE: Partial<LiveOptions> = {
  ...{ unflagged: 'push', positionMs: 50, heartbeatMs: 5000, ringBytes: 1_000_000 },
  ...{ maxBufferedBytes: 20_000, maxSubscriptions: 5, maxResumeEvents: 500, stalledAfterMs: 1500 },
  mayWatch: ({ resource }) => resource !== 'task/secret',
};

async function start(live: Partial<LiveOptions> = {}, more: Partial<GatewayConfig> = {}): Promise<Gateway> {
  const started = await startGateway({
    ...{ teamsAddress: '127.0.0.1:1', projectsAddress: '127.0.0.1:1', tasksAddress: '127.0.0.1:1' },
    ...{
      natsUrl: nats.url,
      stateDir: await mkdtemp(join(folder, 'state-')),
      live: { ...LIVE, ...live },
      drainMs: 500,
    },
    ...more,
  });
  const state = async () => (await fetch(`http://${started.address}/api/live`)).json();
  await vi.waitFor(async () => expect(await state()).toMatchObject({ flowing: true }), { timeout: 10_000 });
  return started;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-live-'));
  nats = await startNats({ dir: join(folder, 'nats'), own: true });
  connection = await connect({ servers: nats.url });
  streams = await TestStreams.create(connection, ['teams', 'projects', 'tasks']);
  gateway = await start();
});

afterEach(async () => {
  await Promise.all(sockets.splice(0).map((socket) => socket.close()));
});

afterAll(async () => {
  await gateway.stop();
  streams.stop();
  await connection.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

async function open(path = '/api/live', at = gateway): Promise<LiveSocket> {
  const socket = await LiveSocket.open(`ws://${at.address}${path}`);
  sockets.push(socket);
  return socket;
}

let version = 0;

/** A change of a task, longer where a test wants much to be sent. */
function renamed(id: string, { project = 'p1', name = 'Plant', assignee = '' } = {}): TaskRenamed {
  version += 1;
  const common = { teamId: 't1', state: TaskState.OPEN, createdAt: new Date(0), updatedAt: new Date(0) };
  const task = { id, version, projectId: project, name, assigneeId: assignee, ...common };
  return { task, previousName: '' };
}

const rename = (id: string, how = {}): Promise<void> => streams.publish(TaskRenamedEvent, renamed(id, how));

function membership(state: MembershipState): MemberAdded {
  version += 1;
  const at = { createdAt: new Date(0), updatedAt: new Date(0) };
  return { membership: { id: 't1.ann', version, teamId: 't1', memberId: 'ann', state, ...at } };
}

const end = (source = 'tasks'): string => `1.${streams.lastN(source)}`;
const keys = (frames: readonly Frame[]): unknown[] => frames.map(({ key }) => key);
const eventually = (value: () => unknown): ReturnType<typeof expect.poll> => expect.poll(value);

describe('a subscription', () => {
  it('without a position is told to read first, and then of each change, with what the change left behind', async () => {
    await rename('before');
    const socket = await open();
    socket.subscribe('list', 'tasks?projectId=p1');
    await eventually(() => socket.of('refetch')).toMatchObject([
      { id: 'list', reason: 'new', source: 'tasks', position: end() },
    ]);
    await rename('a', { name: 'Water <b>' });
    await rename('elsewhere', { project: 'p2' });
    await rename('b');
    await eventually(() => keys(socket.of('event'))).toEqual(['a', 'b']);
    expect(socket.of('event')[0]).toMatchObject({
      ...{ to: ['list'], source: 'tasks', aggregate: 'task', event: 'TaskRenamed', version: version - 2 },
      data: { id: 'a', name: 'Water <b>', state: 'open', assigneeId: null },
    });
  });

  it('goes on from a position without a gap, and says when it is there', async () => {
    const from = end();
    for (const id of ['a', 'b', 'c']) await rename(id);
    const socket = await open();
    socket.subscribe('list', 'tasks', from);
    await eventually(() => socket.of('subscribed')).toMatchObject([{ id: 'list', position: end() }]);
    await rename('d');
    await eventually(() => keys(socket.of('event', 'refetch'))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is told of what has left its list, and of what has come into it', async () => {
    const socket = await open();
    socket.subscribe('ann', 'tasks?assigneeId=ann');
    socket.subscribe('bob', 'tasks?projectId=p1&assigneeId=bob');
    socket.subscribe('team', 'teams/t1/members');
    await eventually(() => socket.of('refetch')).toHaveLength(3);
    const { task } = renamed('a', { assignee: 'bob' });
    await streams.publish(TaskAssignedEvent, { task, previousAssigneeId: 'ann' });
    await streams.publish(MemberAddedEvent, membership(MembershipState.ACTIVE));
    await streams.publish(MemberRemovedEvent, membership(MembershipState.LEFT));
    await eventually(() => socket.of('event').map(({ to, left, event }) => [event, to, left])).toEqual([
      ['TaskAssigned', ['bob'], ['ann']],
      ['MemberAdded', ['team'], undefined],
      ['MemberRemoved', [], ['team']],
    ]);
  });

  it('is told to read anew of an event that the gateway cannot read', async () => {
    const socket = await open();
    socket.subscribe('list', 'tasks?projectId=p9');
    await eventually(() => socket.of('refetch')).toHaveLength(1);
    await streams.publish({ ...TaskRenamedEvent, type: 'TaskPainted' }, renamed('a'));
    await eventually(() => socket.of('refetch').at(-1)).toMatchObject({
      reason: 'unreadable',
      position: end(),
    });
  });

  it('is refused with a reason where it cannot be', async () => {
    const socket = await open();
    socket.socket.send('{');
    socket.subscribe('a', 'nothing');
    socket.subscribe('b', 'tasks?colour=red');
    socket.subscribe('c', 'constructor?a=b');
    socket.subscribe('d', 'tasks', 'yesterday');
    socket.subscribe('e', 'task/secret');
    for (let i = 0; i < 6; i++) socket.subscribe(`s${i}`, `task/${i}`);
    await eventually(() => socket.of('error').map(({ id, code }) => [id, code])).toEqual([
      [undefined, 'FRAME_INVALID'],
      ['a', 'RESOURCE_UNKNOWN'],
      ['b', 'RESOURCE_UNKNOWN'],
      ['c', 'RESOURCE_UNKNOWN'],
      ['d', 'BANYAN_POSITION_INVALID'],
      ['e', 'NOT_ALLOWED'],
      ['s5', 'TOO_MANY_SUBSCRIPTIONS'],
    ]);
  });
});

describe('a gateway that starts anew', () => {
  it('gives clients what came meanwhile, older than all it has read itself', async () => {
    const from = end();
    const other = await start();
    for (let i = 0; i < 300; i++) await rename(`gone-${i}`);
    await other.stop();
    const anew = await start();
    const clients = await Promise.all(Array.from({ length: 20 }, () => open('/api/live', anew)));
    for (const socket of clients) socket.subscribe('list', 'tasks', from);
    for (const socket of clients)
      await eventually(() => keys(socket.of('event', 'refetch'))).toHaveLength(300);
    expect(clients[0]?.frames.at(-1)).toMatchObject({ type: expect.stringMatching(/subscribed|position/) });
    const closing = clients.map(({ closed }) => closed);
    await anew.stop();
    expect(new Set(await Promise.all(closing))).toEqual(new Set([1001]));
  });

  it('tells clients to read anew when what they missed is gone, or is too much', async () => {
    const from = end();
    for (let i = 0; i < 501; i++) await rename('a');
    const anew = await start();
    const socket = await open('/api/live', anew);
    socket.subscribe('long', 'tasks', from);
    socket.subscribe('other history', 'tasks', '9.1');
    socket.subscribe('future', 'tasks', '1.999999');
    await eventually(() => socket.of('refetch').map(({ id, reason }) => [id, reason])).toEqual([
      ['long', 'gone'],
      ['other history', 'gone'],
      ['future', 'gone'],
    ]);
    await anew.stop();
  });
});

describe('a stream that lacks an event', () => {
  it('has everybody read anew, and go on with what comes after', async () => {
    const socket = await open();
    socket.subscribe('list', 'tasks');
    await eventually(() => socket.of('refetch')).toHaveLength(1);
    streams.skip('tasks', 1);
    await rename('after the gap');
    await eventually(() => socket.of('refetch').at(-1)).toMatchObject({ reason: 'gone', position: end() });
    await rename('next');
    await eventually(() => keys(socket.of('event'))).toEqual(['next']);
  });
});

describe('a gateway that hears nothing of its sources', () => {
  it('has everybody poll until it does again, whatever the flag says', async () => {
    const socket = await open();
    streams.stop();
    expect(await socket.closed).toBe(4000);
    streams.start();
    const state = async () => (await fetch(`http://${gateway.address}/api/live`)).json();
    await eventually(state).toMatchObject({ mode: 'push', flowing: true });
  });
});

describe('who may open a socket', () => {
  const refusal = (at: Gateway, headers: Record<string, string> = {}): Promise<number> =>
    new LiveSocket(`ws://${at.address}/api/live`, headers).refused;

  it('is decided before the upgrade: by origin, by who it is, and by how many there are', async () => {
    const authenticate = ({ headers }: FastifyRequest) => (headers['x-who'] === 'nobody' ? undefined : 'ann');
    const strict = await start({ maxClients: 1 }, { authenticate });
    expect(await refusal(strict, { origin: 'https://evil.example' })).toBe(403);
    expect(await refusal(strict, { 'x-who': 'nobody' })).toBe(401);
    await open('/api/live', strict);
    expect(await refusal(strict)).toBe(503);
    await strict.stop();
  });
});

describe('a client that reads slowly', () => {
  it('costs its own buffer only, is told to read anew, and holds up nobody', async () => {
    const [slow, quick] = [await open(), await open()];
    for (const socket of [slow, quick]) socket.subscribe('list', 'tasks');
    await eventually(() => slow.of('refetch').length + quick.of('refetch').length).toBe(2);
    slow.pause();
    const name = 'x'.repeat(20_000);
    for (let sent = 20; sent <= 600; sent += 20) {
      const some = Array.from({ length: 20 }, () => renamed('a', { name }));
      await streams.publish(TaskRenamedEvent, ...some);
      await eventually(() => quick.of('event')).toHaveLength(sent);
    }
    slow.resume();
    await eventually(() => slow.of('refetch').at(-1)).toMatchObject({ reason: 'gone', position: end() });
    expect(slow.of('event').length).toBeLessThan(600);
    await rename('last');
    await eventually(() => keys(slow.of('event')).at(-1)).toBe('last');
  }, 60_000);

  it('is cut off when it says nothing any more', async () => {
    const strict = await start({ heartbeatMs: 200 });
    const silent = await open('/api/live', strict);
    const present = async () => (await fetch(`http://${strict.address}/api/live`)).json();
    await eventually(present).toMatchObject({ clients: 1 });
    silent.pause();
    await eventually(present).toMatchObject({ clients: 0 });
    await strict.stop();
  });
});

describe('the flag gateway.live', () => {
  async function setFlag(value: 'poll' | 'push'): Promise<void> {
    const store = await FlagStore.open(connection);
    const now = await store.read('gateway.live');
    const move = planFlag('gateway.live', now, { value });
    await store.write('gateway.live', { move, expected: now?.changeId, by: 'test', why: 'test' });
  }

  it('sends clients away to poll and has them back, and what they poll says which', async () => {
    const socket = await open();
    socket.subscribe('list', 'tasks');
    await setFlag('poll');
    expect(await socket.closed).toBe(4000);
    expect(socket.of('mode')).toMatchObject([{ mode: 'poll', pollMs: 2000 }]);
    const late = await open();
    expect(await late.closed).toBe(4000);
    expect(late.frames).toMatchObject([{ type: 'hello', mode: 'poll' }]);
    await setFlag('push');
    const asked = async () => (await fetch(`http://${gateway.address}/api/tasks`)).headers.get('banyan-live');
    await eventually(asked).toBe('push');
  });
});
