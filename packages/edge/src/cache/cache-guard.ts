import { messageOf, systemClock, type Logger } from '@banyan/runtime';
import type { Awaitable } from './edge-cache.js';

export interface CacheGuardOptions {
  timeoutMs: number;
  logger: Logger;
}

/** So many failures in a row, and the cache is left alone for a while: calls must not pay its time-out one by one. */
const MAX_FAILURES = 5;
const REST_MS = 1_000;

/** What came of asking a cache. */
export type Guarded<T> = { ok: true; value: T } | { ok: false };

/** Asks a cache that may be down or slow. States: asking → (failures in a row) → resting → one may ask → asking. */
export class CacheGuard {
  readonly #options: CacheGuardOptions;
  #failures = 0;
  #restsUntilMs = 0;

  constructor(options: CacheGuardOptions) {
    this.#options = options;
  }

  /** Never throws, and never takes longer than the time-out. A cache that answers at once costs no timer. */
  async ask<T>(question: () => Awaitable<T>): Promise<Guarded<T>> {
    if (this.#isResting()) return FAILED;
    try {
      const answer = question();
      const guarded =
        answer instanceof Promise ? await this.#inTime(answer) : { ok: true as const, value: answer };
      if (guarded.ok) this.#failures = 0;
      else this.#failed(`no answer in ${this.#options.timeoutMs} ms`);
      return guarded;
    } catch (error) {
      this.#failed(messageOf(error));
      return FAILED;
    }
  }

  #isResting(): boolean {
    const nowMs = systemClock.monotonicMs();
    if (this.#failures < MAX_FAILURES) return false;
    if (nowMs < this.#restsUntilMs) return true;
    this.#restsUntilMs = nowMs + REST_MS;
    return false;
  }

  #failed(because: string): void {
    this.#failures += 1;
    if (this.#failures !== MAX_FAILURES) return;
    this.#restsUntilMs = systemClock.monotonicMs() + REST_MS;
    this.#options.logger.warn('the cache is left alone until it answers again', { because });
  }

  async #inTime<T>(answer: Promise<T>): Promise<Guarded<T>> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<Guarded<T>>((resolve) => {
      timer = setTimeout(() => resolve(FAILED), this.#options.timeoutMs);
    });
    try {
      return await Promise.race([answer.then((value) => ({ ok: true as const, value })), tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const FAILED = { ok: false } as const;
