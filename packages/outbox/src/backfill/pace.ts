/** Spreads rows over time so that no more than so many come in a second. What was missed is not made up for. */
export class Pace {
  #dueMs = 0;

  /** How long to wait before the next rows, in ms. */
  get waitMs(): number {
    return Math.max(0, this.#dueMs - performance.now());
  }

  /** So many rows begun to be emitted at that time, by the monotonic clock. */
  spent(rows: number, rowsPerSecond: number, startedMs: number): void {
    this.#dueMs = startedMs + (rows / rowsPerSecond) * 1000;
  }
}
