import type { ServerResponse } from 'node:http';
import type { LiveEvents } from '../wire.js';

/** What may wait for a reader, in bytes; one that is further behind is let go, and comes back by itself. */
const MOST_WAITING = 4 * 1024 * 1024;

/** One reader of server-sent events. An overview that it could not take yet is replaced by the next: only the last matters. */
export class LiveStream {
  readonly #response: ServerResponse;
  #told = '';
  #next: LiveEvents['overview'] | undefined;
  #isFull = false;

  constructor(response: ServerResponse, headers: Record<string, string>) {
    this.#response = response;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.on('drain', () => this.#onDrain());
    // How long a browser waits before it asks again, in ms.
    response.write('retry: 1000\n\n');
  }

  /** Sends an overview if anything in it is new; once there is room. */
  overview(overview: LiveEvents['overview']): void {
    this.#next = overview;
    if (!this.#isFull) this.#sendNext();
  }

  send<K extends keyof LiveEvents>(event: K, data: LiveEvents[K]): void {
    this.#write(event, JSON.stringify(data));
  }

  end(): void {
    this.#response.end();
  }

  #sendNext(): void {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) return;
    const content = JSON.stringify({ ...next, at: '' });
    if (content === this.#told) return;
    this.#told = content;
    this.send('overview', next);
  }

  #onDrain(): void {
    this.#isFull = false;
    this.#sendNext();
  }

  #write(event: string, data: string): void {
    if (this.#response.writableEnded) return;
    if (this.#response.writableLength > MOST_WAITING) {
      this.#response.destroy();
      return;
    }
    this.#isFull = !this.#response.write(`event: ${event}\ndata: ${data}\n\n`);
  }
}
