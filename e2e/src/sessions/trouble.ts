import { wait } from '@banyan/runtime';
import type { Random } from '../traffic/random.js';

export interface TroubleParts {
  random: Random;
  /** Holds the subscriber up for so long. */
  lag: (ms: number) => Promise<void>;
  /** Puts the edge of this number to a random stage. */
  flip: (edge: number) => Promise<void>;
  /** Kills the relay, and starts another. */
  killRelay: () => Promise<void>;
}

/** What goes wrong, or just changes, while sessions run: replicas lag, edges flip, relays die. */
export class Trouble {
  readonly counts = { lags: 0, flips: 0, kills: 0 };
  readonly #parts: TroubleParts;
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running ??= Promise.all([
      this.#again('lags', [20, 120], () => this.#parts.lag(this.#parts.random.below(300))),
      this.#again('flips', [30, 150], () => this.#parts.flip(this.counts.flips % 2)),
      this.#again('kills', [600, 1200], () => this.#parts.killRelay()),
    ]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #again(
    what: keyof Trouble['counts'],
    [min, max]: readonly [number, number],
    make: () => Promise<void>,
  ) {
    const { signal } = this.#stop;
    for (;;) {
      await wait(min + this.#parts.random.below(max - min), signal);
      if (signal.aborted) return;
      await make();
      this.counts[what] += 1;
    }
  }
}
