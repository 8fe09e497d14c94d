import { resolveListenerOptions, type ListenerConfig } from './options.js';
import { SourceListener, type ListenerSourceStatus } from './source-listener.js';

export interface ListenerStatus {
  name: string;
  sources: readonly ListenerSourceStatus[];
}

/**
 * Hears of events without a database, **at least once**: for sockets, caches, mail. What was handled is remembered by the
 * broker (a durable consumer a source), so a crash between a handler and its acknowledgement makes the event come again.
 * Within a key in order, keys side by side.
 */
export class Listener {
  readonly #name: string;
  readonly #sources: readonly SourceListener[];

  constructor(config: ListenerConfig) {
    const options = resolveListenerOptions(config);
    this.#name = options.name;
    this.#sources = options.sources.map((source) => new SourceListener(source, options));
  }

  get status(): ListenerStatus {
    return { name: this.#name, sources: this.#sources.map(({ status }) => status) };
  }

  start(): void {
    for (const source of this.#sources) source.start();
  }

  /** Reads no more, waits up to `drainMs` for handlers that run, and gives the rest back to the broker. */
  async stop(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stop()));
  }
}

/** Makes a listener. Call `start` on it. */
export function listener(config: ListenerConfig): Listener {
  return new Listener(config);
}
