import { setMaxListeners } from 'node:events';
import { messageOf, systemClock, type Logger } from '@banyan/runtime';

export interface QueueLimits {
  /** Waiting comparisons at most. */
  queueLimit: number;
  /** What waiting comparisons may hold of requests and answers, in bytes. */
  queueBytes: number;
  /** Comparisons under way at most, those that wait for a late replica included. */
  atOnce: number;
  /** The event loop is under pressure when a turn takes longer, in ms. */
  loopLagMs: number;
}

/** A comparison to be made. */
export interface ComparisonJob {
  /** @param signal what `stop` aborts */
  run: (signal: AbortSignal) => Promise<void>;
  /** Called instead if the comparison is given up. */
  shed: () => void;
  /** What it holds while it waits. */
  bytes: number;
}

/** After the event loop was found under pressure nothing is compared for so long, in ms. */
const REST_MS = 250;

/**
 * Makes comparisons off the caller's path: never in the caller's turn of the event loop, never more than fit, and none
 * while the process has more than enough to do: how late its own turn comes tells the queue that. It needs no timer.
 */
export class ComparisonQueue {
  readonly #limits: QueueLimits;
  readonly #logger: Logger;
  readonly #waiting: ComparisonJob[] = [];
  readonly #abort = new AbortController();
  readonly #idle: (() => void)[] = [];
  #waitingBytes = 0;
  #running = 0;
  #scheduled = false;
  #restUntilMs = -Infinity;

  constructor(limits: QueueLimits, logger: Logger) {
    this.#limits = limits;
    this.#logger = logger;
    // Every comparison under way listens; Node would take them for a leak.
    setMaxListeners(limits.atOnce, this.#abort.signal);
  }

  /** Whether `add` would take a small job. */
  get hasRoom(): boolean {
    return this.#fits(0);
  }

  /** Takes a job, or sheds it. */
  add(job: ComparisonJob): void {
    if (!this.#fits(job.bytes)) {
      job.shed();
      return;
    }
    this.#waiting.push(job);
    this.#waitingBytes += job.bytes;
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

  #fits(bytes: number): boolean {
    const { queueLimit, queueBytes } = this.#limits;
    const hasSpace = this.#waiting.length < queueLimit && this.#waitingBytes + bytes <= queueBytes;
    return hasSpace && !this.#abort.signal.aborted && systemClock.monotonicMs() >= this.#restUntilMs;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const askedMs = systemClock.monotonicMs();
    setImmediate(() => {
      this.#scheduled = false;
      this.#shedUnderPressure(systemClock.monotonicMs() - askedMs);
      while (this.#running < this.#limits.atOnce) {
        const job = this.#waiting.shift();
        if (job === undefined) break;
        this.#waitingBytes -= job.bytes;
        void this.#run(job);
      }
      this.#tellIdle();
    });
  }

  #shedUnderPressure(lagMs: number): void {
    if (lagMs <= this.#limits.loopLagMs) return;
    this.#restUntilMs = systemClock.monotonicMs() + REST_MS;
    this.#waitingBytes = 0;
    for (const job of this.#waiting.splice(0)) job.shed();
  }

  async #run(job: ComparisonJob): Promise<void> {
    this.#running += 1;
    try {
      await job.run(this.#abort.signal);
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
