import { Loop, messageOf, type Logger } from '@banyan/runtime';
import type { Pool } from 'pg';
import type { Admission } from './admission.js';

/** A call that was taken a moment before it would have been too old may still be under way. */
const MARGIN_MS = 60_000;
const BATCH = 1_000;

/** Deletes the records of reactions that nobody can ask for any more, now and then. */
export class Pruner {
  readonly #pool: Pool;
  readonly #admission: Admission;
  readonly #loop: Loop;

  constructor(pool: Pool, admission: Admission, { everyMs, logger }: { everyMs: number; logger: Logger }) {
    this.#pool = pool;
    this.#admission = admission;
    this.#loop = new Loop({
      runOnce: async () => {
        const pruned = await this.runOnce();
        return pruned === BATCH ? { next: 'now' } : { next: 'after', delayMs: everyMs };
      },
      onError: (error) => {
        logger.warn('records of reactions are not pruned', { error: messageOf(error) });
        return Promise.resolve({ next: 'after', delayMs: everyMs });
      },
    });
  }

  /** One batch; returns how many were deleted. */
  runOnce(): Promise<number> {
    return this.#admission.prune(this.#pool, { marginMs: MARGIN_MS, limit: BATCH });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
