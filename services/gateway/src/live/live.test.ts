import { MemberAddedEvent, MemberRemovedEvent, MembershipState } from '@banyan/contracts/teams';
import { TaskAssignedEvent, TaskRenamedEvent } from '@banyan/contracts/tasks';
import { startNats } from '@banyan/devstack';
import type { FastifyRequest } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../gateway.js';
import { LiveGround, liveStateOf } from '../testing/live-ground.js';
import { LiveSocket, type Frame } from '../testing/live-socket.js';
import { TestChanges } from '../testing/test-changes.js';
import type { TestStreams } from '../testing/test-streams.js';

let ground: LiveGround;
let streams: TestStreams;
let gateway: Gateway;
const sockets: LiveSocket[] = [];
const made = new TestChanges();

beforeAll(async () => {
  ground = await LiveGround.start((dir) => startNats({ dir, own: true }));
  streams = ground.streams;
  gateway = await ground.startGateway();
});

afterEach(async () => {
  await Promise.all(sockets.splice(0).map((socket) => socket.close()));
});

afterAll(async () => {
  await gateway.stop();
  await ground.stop();
});

/** Opens a socket once the gateway has read all that there is: what came before would be news to it too. */
async function open(path = '/api/live', at = gateway): Promise<LiveSocket> {
  if (streams.lastN('tasks') > 0)
    await eventually(async () => (await liveStateOf(at)).positions['tasks']).toBe(end());
  const socket = await LiveSocket.open(`ws://${at.address}${path}`);
  sockets.push(socket);
  return socket;
}

const rename = (id: string, how = {}): Promise<void> =>
  streams.publish(TaskRenamedEvent, made.renamed(id, how));

const end = (source = 'tasks'): string => `1.${streams.lastN(source)}`;
const keys = (frames: readonly Frame[]): unknown[] => frames.map(({ key }) => key);
const eventually = (value: () => unknown): ReturnType<typeof expect.poll> => expect.poll(value);

describe('a subscription', () => {
  it('without a position is told to read first, and then of each change, with what the change left behind', async () => {
    await rename('before');
    const sent = made.version;
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
      ...{ to: ['list'], source: 'tasks', aggregate: 'task', event: 'TaskRenamed', version: sent + 1 },
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
    const { task } = made.renamed('a', { assignee: 'bob' });
    await streams.publish(TaskAssignedEvent, { task, previousAssigneeId: 'ann' });
    await streams.publish(MemberAddedEvent, made.membership(MembershipState.ACTIVE));
    await streams.publish(MemberRemovedEvent, made.membership(MembershipState.LEFT));
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
    await streams.publish({ ...TaskRenamedEvent, type: 'TaskPainted' }, made.renamed('a'));
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
    const other = await ground.startGateway();
    for (let i = 0; i < 300; i++) await rename(`gone-${i}`);
    await other.stop();
    const anew = await ground.startGateway();
    const clients = await Promise.all(Array.from({ length: 20 }, () => open('/api/live', anew)));
    for (const socket of clients) socket.subscribe('list', 'tasks', from);
    for (const socket of clients)
      await eventually(() => keys(socket.of('event', 'refetch'))).toHaveLength(300);
    await eventually(() => clients[0]?.frames.at(-1)).toMatchObject({
      type: expect.stringMatching(/subscribed|position/),
    });
    const closing = clients.map(({ closed }) => closed);
    await anew.stop();
    expect(new Set(await Promise.all(closing))).toEqual(new Set([1001]));
  });

  it('tells clients to read anew when what they missed is gone, or is too much', async () => {
    const from = end();
    for (let i = 0; i < 501; i++) await rename('a');
    const anew = await ground.startGateway();
    const socket = await open('/api/live', anew);
    socket.subscribe('long', 'tasks', from);
    socket.subscribe('other history', 'tasks', `9.${streams.lastN('tasks')}`);
    socket.subscribe('future', 'tasks', '1.999999');
    const told = (): object =>
      Object.fromEntries(socket.of('refetch').map(({ id = '', reason }) => [id, reason] as const));
    await eventually(told).toEqual({ long: 'gone', 'other history': 'gone', future: 'gone' });
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

describe('a gateway that hears nothing of one of its sources', () => {
  it('has everybody poll until it does again, whatever the flag says', async () => {
    const impatient = await ground.startGateway({ stalledAfterMs: 1500 });
    const socket = await open('/api/live', impatient);
    streams.silence('tasks');
    expect(await socket.closed).toBe(4000);
    streams.unsilence('tasks');
    await eventually(() => liveStateOf(impatient)).toMatchObject({ mode: 'push', flowing: true });
    await impatient.stop();
  });
});

describe('who may open a socket', () => {
  const refusal = (at: Gateway, headers: Record<string, string> = {}): Promise<number> =>
    new LiveSocket(`ws://${at.address}/api/live`, headers).refused;

  it('is decided before the upgrade: by origin, by who it is, and by how many there are', async () => {
    const authenticate = ({ headers }: FastifyRequest) => (headers['x-who'] === 'nobody' ? undefined : 'ann');
    const strict = await ground.startGateway({ maxClients: 1 }, { authenticate });
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
      const some = Array.from({ length: 20 }, () => made.renamed('a', { name }));
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
    const strict = await ground.startGateway({ heartbeatMs: 200 });
    const silent = await open('/api/live', strict);
    // It may have been cut off by now, if the machine has paused.
    await eventually(() => silent.of('hello')).toHaveLength(1);
    silent.pause();
    await eventually(() => liveStateOf(strict)).toMatchObject({ clients: 0 });
    await strict.stop();
  });
});
