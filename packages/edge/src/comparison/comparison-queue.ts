import { messageOf, type Logger } from '@banyan/runtime';

export interface QueueLimits {
  /** Waiting comparisons at most. */
  queueLimit: number;
  /** Comparisons under way at most, those that wait for a late replica included. */
  atOnce: number;
}

/** A comparison to be made; it gets the signal that `stop` aborts. */
export type ComparisonJob = (signal: AbortSignal) => Promise<void>;

/** Makes comparisons off the caller's path: never in the caller's turn of the event loop, never more than fit. */
export class ComparisonQueue {
  readonly #limits: QueueLimits;
  readonly #logger: Logger;
  readonly #waiting: ComparisonJob[] = [];
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #scheduled = false;

  constructor(limits: QueueLimits, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
  }

  /** Whether `add` would take a job. */
  get hasRoom(): boolean {
    return this.#waiting.length < this.#limits.queueLimit && !this.#abort.signal.aborted;
  }

  add(job: ComparisonJob): void {
    if (!this.hasRoom) return;
    this.#waiting.push(job);
    this.#schedule();
  }

  /** Resolves once nothing is waiting or under way. */
  settled(): Promise<void> {
    if (this.#running === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Drops what waits and ends what is under way. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#waiting.length = 0;
    await this.settled();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#running < this.#limits.atOnce) {
        const job = this.#waiting.shift();
        if (job === undefined) break;
        void this.#run(job);
      }
      this.#tellIdle();
    });
  }

  async #run(job: ComparisonJob): Promise<void> {
    this.#running += 1;
    try {
      await job(this.#abort.signal);
    } catch (error) {
      this.#logger.error('a comparison failed', { error: messageOf(error) });
    } finally {
      this.#running -= 1;
      this.#schedule();
    }
  }

  #tellIdle(): void {
    if (this.#running > 0 || this.#waiting.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
