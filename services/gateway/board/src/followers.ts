import type { LiveConnection } from './live-connection.js';
import type { Item, ListStore } from './list-store.js';

/** Keeps a list up to date, one way or the other. */
export interface Follower {
  stop: () => void;
}

/** Asks again and again. */
export class Polling<T extends Item> implements Follower {
  readonly #list: ListStore<T>;
  readonly #everyMs: number;
  readonly #onLive: (live: 'poll' | 'push') => void;
  #timer: number | undefined;
  #isStopped = false;

  /** @param onLive told what each answer says about how to learn of changes */
  constructor(list: ListStore<T>, everyMs: number, onLive: (live: 'poll' | 'push') => void) {
    this.#list = list;
    this.#everyMs = everyMs;
    this.#onLive = onLive;
    void this.#round();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    try {
      const live = await this.#list.read();
      if (!this.#isStopped) this.#onLive(live);
    } catch {
      // The list shows how old it is; the next round may be luckier.
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#round(), this.#everyMs);
  }
}

/** Is told of each change while there is a connection, and polls while there is none. */
export class Following<T extends Item> implements Follower {
  readonly #list: ListStore<T>;
  readonly #live: LiveConnection;
  readonly #id: string;
  readonly #pollMs: number;
  #polling: Polling<T> | undefined;

  constructor(list: ListStore<T>, live: LiveConnection, { id, pollMs }: { id: string; pollMs: number }) {
    this.#list = list;
    this.#live = live;
    this.#id = id;
    this.#pollMs = pollMs;
    live.watch(id, {
      resource: list.resource,
      onItem: (item) => list.put(item as T),
      onLeft: (item) => list.remove(item as T),
      onRefetch: async () => {
        await list.read();
      },
      onFresh: (asOfMs) => list.fresh(asOfMs),
    });
  }

  /** The connection has opened or has been lost. */
  connected(isOpen: boolean): void {
    this.#polling?.stop();
    this.#polling = isOpen
      ? undefined
      : new Polling(this.#list, this.#pollMs, (live) => {
          if (live === 'push') this.#live.connect();
        });
  }

  stop(): void {
    this.#polling?.stop();
    this.#live.unwatch(this.#id);
  }
}
