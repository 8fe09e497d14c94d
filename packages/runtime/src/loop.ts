import { backoffDelayMs, type Backoff } from './backoff.js';
import { wait } from './clock.js';

/** What one round tells the loop: go on at once, or after a delay in ms. */
export type Round = { next: 'now' } | { next: 'after'; delayMs: number };

export interface LoopOptions {
  /** One round of work. It gets the signal that `stop` aborts. */
  runOnce: (signal: AbortSignal) => Promise<Round>;
  /** Called with what a round threw and how many rounds in a row have failed; return false to end the loop. */
  onError: (error: unknown, failures: number) => boolean;
  /** Delays between failed rounds. */
  backoff: Backoff;
}

/**
 * A `start`/`stop` shell around `runOnce`. States: idle → running → stopped. Stopping twice, or before starting, is
 * legal; a stopped loop stays stopped. `done` settles when the last round has ended.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #abort = new AbortController();
  #done: Promise<void> | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  start(): void {
    this.#done ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.signal.aborted) {
      let delayMs = 0;
      try {
        const round = await this.#options.runOnce(this.signal);
        failures = 0;
        if (round.next === 'after') delayMs = round.delayMs;
      } catch (error) {
        failures += 1;
        if (!this.#options.onError(error, failures)) return;
        delayMs = backoffDelayMs(failures - 1, this.#options.backoff);
      }
      if (delayMs > 0) await wait(delayMs, this.signal);
    }
  }
}
