/** How many rows the next chunk takes, so that its transaction takes about as long as it should. */
export class ChunkSize {
  readonly #targetMs: number;
  readonly #most: number;
  #rows = 20;

  constructor({ targetMs, most }: { targetMs: number; most: number }) {
    this.#targetMs = targetMs;
    this.#most = most;
  }

  get rows(): number {
    return Math.min(this.#rows, this.#most);
  }

  /** A whole chunk took so long: at most twice, at least half as many next time. */
  took(rows: number, ms: number): void {
    if (rows < this.rows) return;
    const factor = Math.min(2, Math.max(0.5, this.#targetMs / Math.max(ms, 0.1)));
    this.#rows = Math.min(this.#most, Math.max(1, Math.round(rows * factor)));
  }

  /** It met others' locks. */
  collided(): void {
    this.#rows = Math.max(1, Math.floor(this.rows / 4));
  }
}
