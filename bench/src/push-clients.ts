import { once } from 'node:events';
import { wait } from '@banyan/runtime';
import { WebSocket } from 'ws';

const OPEN_AT_ONCE = 50;

/** Sockets on a gateway, all of which watch one list, and when each frame of an event came, by the change's name. */
export class PushClients {
  readonly #url: string;
  readonly #sockets: WebSocket[] = [];
  #arrivals = new Map<string, number[]>();
  #subscribed = 0;

  constructor(address: string) {
    this.#url = `ws://${address}/api/live`;
  }

  async open(count: number, resource: string): Promise<void> {
    for (let opened = 0; opened < count; opened += OPEN_AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(OPEN_AT_ONCE, count - opened) }, () => this.#open(resource)),
      );
    while (this.#subscribed < count) await wait(10);
  }

  /** One that subscribes and never reads again. */
  async openDeaf(resource: string): Promise<void> {
    const socket = await this.#connected(resource);
    await once(socket, 'message');
    socket.pause();
  }

  /** When the frames of a change came, by the monotonic clock, once all have; undefined: not in time. */
  async arrivalsOf(name: string, timeoutMs: number): Promise<readonly number[] | undefined> {
    const deadlineMs = performance.now() + timeoutMs;
    while ((this.#arrivals.get(name)?.length ?? 0) < this.#subscribed) {
      if (performance.now() > deadlineMs) return undefined;
      await wait(5);
    }
    const arrivals = this.#arrivals.get(name);
    this.#arrivals = new Map();
    return arrivals;
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async #open(resource: string): Promise<void> {
    const socket = await this.#connected(resource);
    socket.on('message', (data: Buffer) => this.#take(socket, data.toString()));
  }

  async #connected(resource: string): Promise<WebSocket> {
    const socket = new WebSocket(this.#url, { perMessageDeflate: false });
    this.#sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'subscribe', id: 'list', resource }));
    return socket;
  }

  /** Reads no more of a frame than it has to: it shares its processor with what is measured. */
  #take(socket: WebSocket, frame: string): void {
    if (frame.startsWith('{"type":"event"')) {
      const name = /"name":"([^"]*)"/.exec(frame)?.[1] ?? '';
      const arrivals = this.#arrivals.get(name) ?? [];
      arrivals.push(performance.now());
      this.#arrivals.set(name, arrivals);
    } else if (frame.startsWith('{"type":"refetch"')) this.#subscribed += 1;
    else if (frame.startsWith('{"type":"ping"')) socket.send('{"type":"pong"}');
  }
}
