import { wait } from './clock.js';

/** A sleep that can be cut short: `ring()` ends the current sleep, or the next one if nobody sleeps now. */
export class Wakeup {
  #rung = false;
  #current: AbortController | undefined;

  ring(): void {
    this.#rung = true;
    this.#current?.abort();
  }

  /** Sleeps up to `ms`; true if it was cut short by a ring. Also ends when the signal aborts. */
  async sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
    if (!this.#rung) {
      const current = new AbortController();
      this.#current = current;
      await wait(ms, signal === undefined ? current.signal : AbortSignal.any([current.signal, signal]));
      this.#current = undefined;
    }
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}
