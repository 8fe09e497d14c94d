/** So many wrong tokens an address may show in so many ms; then none of its tokens is looked at until the time is over. */
const MOST = 10;
const WINDOW_MS = 60_000;
const MOST_ADDRESSES = 10_000;

interface Failures {
  count: number;
  untilMs: number;
}

/** Counts wrong tokens by address, in bounded memory. */
export class FailedLogins {
  readonly #byAddress = new Map<string, Failures>();

  /** In ms, until the address may try again; 0: it may. */
  blockedMs(address: string, nowMs: number): number {
    const { count, untilMs } = this.#byAddress.get(address) ?? { count: 0, untilMs: 0 };
    return count < MOST ? 0 : Math.max(0, untilMs - nowMs);
  }

  note(address: string, nowMs: number): void {
    const known = this.#byAddress.get(address);
    const isOver = known === undefined || known.untilMs <= nowMs;
    const failures = isOver ? { count: 1, untilMs: nowMs + WINDOW_MS } : { ...known, count: known.count + 1 };
    this.#byAddress.delete(address);
    this.#byAddress.set(address, failures);
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > MOST_ADDRESSES && oldest !== undefined) this.#byAddress.delete(oldest);
  }
}
