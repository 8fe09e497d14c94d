import { wait } from '@banyan/runtime';
import { WebSocket } from 'ws';
import { RestClient, type Thing } from './rest-client.js';

interface Frame {
  type: string;
  id?: string;
  position?: string;
  left?: string[];
  version?: number;
  data?: Thing;
}

/**
 * A client as docs/live.md wants one: reads the list once, then is told of each change; comes back by itself, from the last
 * position; polls while it is told to.
 */
export class LiveFollower {
  /** The list as it knows it. */
  readonly items = new Map<string, Thing>();
  /** Each event that came, as `id@version`, however often. */
  readonly events: string[] = [];
  readonly reasons: string[] = [];
  polls = 0;
  connections = 0;
  readonly #url: string;
  readonly #resource: string;
  readonly #rest: RestClient;
  readonly #abort = new AbortController();
  #socket: WebSocket | undefined;
  #at: string | undefined;
  #done: Promise<void> | undefined;

  constructor(url: string, resource: string) {
    this.#url = url;
    this.#resource = resource;
    this.#rest = new RestClient(url, 'nothing');
  }

  start(): void {
    this.#done ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#socket?.terminate();
    await this.#done;
  }

  /** Which things of a list it does not know yet as the list has them. */
  lacks(list: ReadonlyMap<string, Thing>): string[] {
    return [...list.values()].flatMap(({ id, version }) =>
      (this.items.get(id)?.version ?? 0) < version ? [id] : [],
    );
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const live = await this.#read().catch(() => undefined);
      this.polls += 1;
      // Once it has a place in the events, that is where it goes on, whatever it has polled meanwhile.
      if (live === 'push' || this.#at !== undefined) await this.#listen();
      await wait(50, this.#abort.signal);
    }
  }

  async #read(): Promise<string | undefined> {
    const { headers, body } = await this.#rest.get(`${this.#resource}&pageSize=200`);
    for (const item of body.items) this.#put(item);
    return headers.get('banyan-live') ?? undefined;
  }

  async #listen(): Promise<void> {
    const socket = new WebSocket(`${this.#url.replace('http', 'ws')}/api/live`);
    this.#socket = socket;
    this.connections += 1;
    await new Promise<void>((resolve) => {
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.on('open', () => {
        const from = this.#at === undefined ? {} : { from: this.#at };
        socket.send(JSON.stringify({ type: 'subscribe', id: 'list', resource: this.#resource, ...from }));
      });
      socket.on('message', (data: Buffer) =>
        this.#take(JSON.parse(data.toString()) as Frame & { reason?: string }),
      );
    });
  }

  #take(frame: Frame & { reason?: string }): void {
    const { type, position, data, version } = frame;
    if (type === 'ping') this.#socket?.send('{"type":"pong"}');
    if (type === 'refetch') {
      this.reasons.push(frame.reason ?? '');
      void this.#read();
    }
    if (type === 'event' && data !== undefined) {
      this.events.push(`${data.id}@${version ?? 0}`);
      this.#put(data);
    }
    if (position !== undefined) this.#at = position;
  }

  #put(item: Thing): void {
    if ((this.items.get(item.id)?.version ?? 0) < item.version) this.items.set(item.id, item);
  }
}
