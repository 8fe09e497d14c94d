import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProxy, type TcpProxy } from '../index.js';

describe('startProxy', () => {
  let echo: Server;
  let proxy: TcpProxy;

  beforeEach(async () => {
    echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    await once(echo.listen(0, '127.0.0.1'), 'listening');
    proxy = await startProxy({ target: `nats://127.0.0.1:${(echo.address() as AddressInfo).port}` });
  });

  afterEach(async () => {
    await proxy.close();
    await new Promise((resolve) => echo.close(resolve));
  });

  async function client(): Promise<Socket> {
    const socket = connect({ host: '127.0.0.1', port: proxy.port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  async function echoed(socket: Socket, words: string): Promise<string> {
    const answer = once(socket, 'data') as Promise<[Buffer]>;
    socket.write(words);
    return String((await answer)[0]);
  }

  it('passes bytes both ways at the address of the target', async () => {
    expect(proxy.url).toBe(`nats://127.0.0.1:${proxy.port}`);
    const socket = await client();
    expect(await echoed(socket, 'hello')).toBe('hello');
    socket.destroy();
  });

  it('breaks connections and takes new ones', async () => {
    const socket = await client();
    await echoed(socket, 'hello');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    proxy.cut();
    await closed;
    const next = await client();
    expect(await echoed(next, 'again')).toBe('again');
    next.destroy();
  });

  it('is half-open while paused: takes connections and bytes, and forwards nothing until resumed', async () => {
    const early = await client();
    await echoed(early, 'hello');
    proxy.pause();
    const late = await client();
    const heard: string[] = [];
    for (const socket of [early, late]) {
      socket.on('data', (bytes) => heard.push(String(bytes)));
      await new Promise((resolve) => socket.write('held', resolve));
    }
    // Had it forwarded anything, a connection made after that, straight to the server, would come back later.
    const straight = connect({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
    expect(await echoed(straight, 'straight')).toBe('straight');
    expect(heard).toEqual([]);
    proxy.resume();
    await expect.poll(() => heard).toEqual(['held', 'held']);
    for (const socket of [early, late, straight]) socket.destroy();
  });

  it('delays each piece in each direction', async () => {
    const socket = await client();
    await echoed(socket, 'hello');
    proxy.delay(60);
    const sentAt = performance.now();
    await echoed(socket, 'late');
    expect(performance.now() - sentAt).toBeGreaterThan(115);
    socket.destroy();
  });

  it('refuses connections while down, and is back on the same port', async () => {
    await proxy.down();
    await expect(client()).rejects.toThrow(/ECONNREFUSED/);
    await proxy.up();
    const socket = await client();
    expect(await echoed(socket, 'back')).toBe('back');
    socket.destroy();
  });
});
