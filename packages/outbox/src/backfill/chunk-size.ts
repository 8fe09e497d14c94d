/**
 * A transaction costs some milliseconds whatever its rows: on a busy machine fewer rows would only make more of them. Only
 * others' locks make chunks smaller than this.
 */
const FEWEST_ROWS = 200;

/** How many rows the next chunk takes, so that its transaction takes about as long as it should. */
export class ChunkSize {
  readonly #targetMs: number;
  readonly #most: number;
  #rows = FEWEST_ROWS;

  constructor({ targetMs, most }: { targetMs: number; most: number }) {
    this.#targetMs = targetMs;
    this.#most = most;
  }

  get rows(): number {
    return Math.min(this.#rows, this.#most);
  }

  /** A chunk took so long: at most twice, at least half as many next time. */
  took(rows: number, ms: number): void {
    // A smaller one, as the last is, tells nothing.
    if (rows < this.rows) return;
    const factor = Math.min(2, Math.max(0.5, this.#targetMs / Math.max(ms, 0.1)));
    const grown = Math.max(Math.round(rows * factor), Math.min(FEWEST_ROWS, rows * 2));
    this.#rows = Math.min(this.#most, grown);
  }

  /** It met others' locks. */
  collided(): void {
    this.#rows = Math.max(1, Math.floor(this.rows / 4));
  }
}
