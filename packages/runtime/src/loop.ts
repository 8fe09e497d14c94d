import { wait } from './clock.js';

/** What one round tells the loop: go on at once, or after a delay in ms. */
export type Round = { next: 'now' } | { next: 'after'; delayMs: number };

export interface LoopOptions {
  /** One round of work. It gets the signal that `stop` aborts. */
  runOnce: (signal: AbortSignal) => Promise<Round>;
  /** Called with what a round threw; says when to go on. It must not throw. */
  onError: (error: unknown) => Promise<Round>;
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
    while (!this.signal.aborted) {
      const round = await this.#round();
      if (round.next === 'after') await wait(round.delayMs, this.signal);
    }
  }

  async #round(): Promise<Round> {
    try {
      return await this.#options.runOnce(this.signal);
    } catch (error) {
      return this.#options.onError(error);
    }
  }
}
