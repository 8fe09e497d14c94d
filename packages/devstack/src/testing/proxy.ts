import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { wait } from '@banyan/runtime';
import { freePort } from '../process/port.js';

export interface StartProxyOptions {
  /** The server behind it, as a URL: `nats://127.0.0.1:4222`, `postgres://…`. */
  target: string;
}

/**
 * A TCP proxy that fails on demand: passing ⇄ paused (half-open: takes connections and bytes, forwards nothing) ⇄ down
 * (refuses connections).
 */
export class TcpProxy {
  readonly port: number;
  readonly #target: URL;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #faults = new Faults();

  private constructor(target: URL, server: Server, port: number) {
    this.#target = target;
    this.#server = server;
    this.port = port;
    server.on('connection', (client) => this.#link(client));
  }

  static async start(target: URL): Promise<TcpProxy> {
    const server = createServer();
    // Not one of the ports that any outgoing connection may have while this is down.
    const port = await freePort();
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return new TcpProxy(target, server, port);
  }

  /** The target's URL, through this proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  /** Breaks all connections with a reset; new ones are taken. */
  cut(): void {
    for (const link of this.#links) link.reset();
  }

  /** From now on forwards nothing, in either direction, and says nothing of it. */
  pause(): void {
    this.#faults.pause();
  }

  /** Forwards again, what was held back first. */
  resume(): void {
    this.#faults.resume();
  }

  /** From now on forwards each piece this many ms late, in each direction. */
  delay(ms: number): void {
    this.#faults.delayMs = ms;
  }

  /** Breaks all connections and refuses new ones, as if the server were gone. */
  async down(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  /** Takes connections again, on the same port. */
  async up(): Promise<void> {
    if (!this.#server.listening) await once(this.#server.listen(this.port, '127.0.0.1'), 'listening');
  }

  async close(): Promise<void> {
    await this.down();
    this.#faults.resume();
  }

  #link(client: Socket): void {
    const server = connect({ host: this.#target.hostname, port: Number(this.#target.port) });
    const link = new Link(client, server, this.#faults);
    this.#links.add(link);
    client.once('close', () => this.#links.delete(link));
  }
}

/** Starts a proxy on a free port of 127.0.0.1 in front of a server. */
export function startProxy({ target }: StartProxyOptions): Promise<TcpProxy> {
  return TcpProxy.start(new URL(target));
}

/** What is wrong at present with all connections. */
class Faults {
  delayMs = 0;
  #gate: Promise<void> | undefined;
  #open: () => void = () => undefined;

  pause(): void {
    this.#gate ??= new Promise((resolve) => (this.#open = resolve));
  }

  resume(): void {
    this.#gate = undefined;
    this.#open();
  }

  /** Waits as long as a piece that came `sinceMs` (monotonic) is to be held back. */
  async hold(sinceMs: number, delayMs: number): Promise<void> {
    const restMs = sinceMs + delayMs - performance.now();
    if (restMs > 0) await wait(restMs);
    while (this.#gate !== undefined) await this.#gate;
  }
}

/** The two halves of one connection. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;

  constructor(client: Socket, server: Socket, faults: Faults) {
    this.#client = client;
    this.#server = server;
    forward(client, server, faults);
    forward(server, client, faults);
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }
}

/** Pieces go through a queue, so a shorter delay never lets a later one overtake. */
function forward(from: Socket, to: Socket, faults: Faults): void {
  let queue = Promise.resolve();
  const after = (act: () => void): void => {
    const [sinceMs, delayMs] = [performance.now(), faults.delayMs];
    queue = queue.then(() => faults.hold(sinceMs, delayMs)).then(act);
  };
  from.setNoDelay(true);
  from.on('data', (bytes) => after(() => to.writable && to.write(bytes)));
  from.on('end', () => after(() => to.end()));
  from.on('error', () => undefined);
  from.on('close', () => after(() => to.destroy()));
}
