export interface KeyQueuesOptions<T> {
  /** Keys at work at once; one that waits to be tried again is not at work. */
  concurrency: number;
  /** Does one item. Gives undefined when it is done, or the ms after which it is to be tried again. Must not throw. */
  run: (item: T) => Promise<number | undefined>;
}

/**
 * Does the items of each key one after the other, and those of several keys side by side. A key is waiting (in `#ready`), at
 * work, or delayed until its first item is tried again; its later items wait meanwhile.
 */
export class KeyQueues<T> {
  readonly #options: KeyQueuesOptions<T>;
  readonly #queues = new Map<string, T[]>();
  readonly #delays = new Map<string, NodeJS.Timeout>();
  #ready: string[] = [];
  #running = 0;
  #stopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: KeyQueuesOptions<T>) {
    this.#options = options;
  }

  /** Keys that have something to do. */
  get keys(): number {
    return this.#queues.size;
  }

  put(key: string, item: T): void {
    const queue = this.#queues.get(key);
    if (queue !== undefined) {
      queue.push(item);
      return;
    }
    this.#queues.set(key, [item]);
    this.#ready.push(key);
    this.#pump();
  }

  /** Begins nothing more. Resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#delays.values()) clearTimeout(timer);
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #pump(): void {
    while (!this.#stopped && this.#running < this.#options.concurrency) {
      const key = this.#ready.shift();
      const item = key === undefined ? undefined : this.#queues.get(key)?.[0];
      if (key === undefined || item === undefined) return;
      this.#running += 1;
      void this.#turn(key, item);
    }
  }

  async #turn(key: string, item: T): Promise<void> {
    const againMs = await this.#options.run(item);
    this.#running -= 1;
    if (againMs === undefined) this.#done(key);
    else if (!this.#stopped) this.#delay(key, againMs);
    if (this.#running === 0) this.#onIdle?.();
    this.#pump();
  }

  #done(key: string): void {
    const queue = this.#queues.get(key);
    queue?.shift();
    if (queue === undefined || queue.length === 0) this.#queues.delete(key);
    else this.#ready.push(key);
  }

  #delay(key: string, ms: number): void {
    const again = (): void => {
      this.#delays.delete(key);
      this.#ready.push(key);
      this.#pump();
    };
    this.#delays.set(key, setTimeout(again, ms));
  }
}
