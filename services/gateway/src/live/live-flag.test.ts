import { TaskRenamedEvent } from '@banyan/contracts/tasks';
import { inShare } from '@banyan/control';
import { startNats } from '@banyan/devstack';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../gateway.js';
import { LiveGround } from '../testing/live-ground.js';
import { LiveSocket } from '../testing/live-socket.js';
import { TestChanges } from '../testing/test-changes.js';

let ground: LiveGround;
let gateway: Gateway;
const sockets: LiveSocket[] = [];
const made = new TestChanges();

beforeAll(async () => {
  ground = await LiveGround.start((dir) => startNats({ dir, own: true }));
  gateway = await ground.startGateway();
});

afterEach(async () => {
  await Promise.all(sockets.splice(0).map((socket) => socket.close()));
});

afterAll(async () => {
  await gateway.stop();
  await ground.stop();
});

async function open(query = ''): Promise<LiveSocket> {
  const socket = await LiveSocket.open(`ws://${gateway.address}/api/live${query}`);
  sockets.push(socket);
  return socket;
}

/** What an answer to a client says about how it learns of changes. */
async function modeOf(key?: string): Promise<string | null> {
  const headers = key === undefined ? undefined : { 'banyan-client': key };
  const response = await fetch(`http://${gateway.address}/api/tasks`, { ...(headers && { headers }) });
  return response.headers.get('banyan-live');
}

const rename = (id: string): Promise<void> => ground.streams.publish(TaskRenamedEvent, made.renamed(id));

describe('the flag gateway.live', () => {
  it('sends clients away to poll and has them back, and what they poll says which', async () => {
    const socket = await open();
    socket.subscribe('list', 'tasks');
    await ground.setFlag({ value: 'poll' });
    expect(await socket.closed).toBe(4000);
    expect(socket.of('mode')).toMatchObject([{ mode: 'poll', pollMs: 2000 }]);
    const late = await open();
    expect(await late.closed).toBe(4000);
    expect(late.frames).toMatchObject([{ type: 'hello', mode: 'poll' }]);
    await ground.setFlag({ value: 'push' });
    await expect.poll(() => modeOf()).toBe('push');
  });
});

describe('the flag gateway.live, ramped by client', () => {
  const CLIENTS = Array.from({ length: 16 }, (_, i) => `client-${i}`);
  const ramped = (share: number) => ({ value: 'push', share, rampBy: 'client' });
  const within = (share: number): string[] => CLIENTS.filter((key) => inShare(share, 'client', key));

  async function pushed(): Promise<string[]> {
    const modes = await Promise.all(CLIENTS.map((key) => modeOf(key)));
    return CLIENTS.filter((_, i) => modes[i] === 'push');
  }

  /** A client as docs/live.md wants one: with a socket, or sent away to poll. */
  async function join(key: string): Promise<LiveSocket> {
    const socket = await open(`?key=${key}`);
    await expect.poll(() => socket.of('hello')).toHaveLength(1);
    if (socket.of('hello')[0]?.['mode'] === 'push') socket.subscribe('list', 'tasks');
    else expect(await socket.closed).toBe(4000);
    return socket;
  }

  const isOpen = ({ socket }: LiveSocket): boolean => socket.readyState === socket.OPEN;
  const told = (joined: ReadonlyMap<string, LiveSocket>): string[] =>
    [...joined].filter(([, socket]) => isOpen(socket)).map(([key]) => key);

  it('moves each client by its key, none of them back as the share is raised, until it has all', async () => {
    await ground.setFlag({ value: 'poll' });
    await expect.poll(pushed).toEqual([]);
    const staying = new Map<string, LiveSocket>();
    for (const share of [20, 60, 100]) {
      const before = [...staying.keys()];
      await ground.setFlag(ramped(share));
      await expect.poll(pushed).toEqual(within(share));
      expect(within(share)).toEqual(expect.arrayContaining(before));
      for (const key of CLIENTS.filter((each) => !staying.has(each))) {
        const socket = await join(key);
        if (isOpen(socket)) staying.set(key, socket);
      }
      expect(told(staying).sort()).toEqual(within(share).sort());
      const id = `at-${share}`;
      await expect
        .poll(() => [...staying.values()].filter((each) => each.of('refetch').length === 1))
        .toHaveLength(staying.size);
      await rename(id);
      for (const socket of staying.values())
        await expect.poll(() => socket.of('event').at(-1)).toMatchObject({ key: id });
    }
    expect(told(staying)).toHaveLength(CLIENTS.length);
    // Who was moved first was told of everything since, over the one socket that it opened.
    const first = staying.get(within(20)[0] ?? '');
    expect(first?.of('event', 'refetch').map(({ key }) => key)).toEqual([
      ...[undefined, 'at-20', 'at-60', 'at-100'],
    ]);
  });

  it('takes back only those that a lower share leaves out, and those without a key last of all', async () => {
    await ground.setFlag({ value: 'poll' });
    await ground.setFlag(ramped(60));
    await expect.poll(pushed).toEqual(within(60));
    expect(await modeOf()).toBe('poll');
    const joined = new Map<string, LiveSocket>();
    for (const key of within(60)) joined.set(key, await join(key));
    await ground.setFlag(ramped(20));
    const leaving = within(60).filter((key) => !within(20).includes(key));
    for (const key of leaving) expect(await joined.get(key)?.closed).toBe(4000);
    await expect.poll(pushed).toEqual(within(20));
    expect(told(joined)).toEqual(within(20));
    await ground.setFlag({ value: 'push' });
    await expect.poll(() => modeOf()).toBe('push');
  });
});
