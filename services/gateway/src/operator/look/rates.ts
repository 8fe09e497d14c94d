/** The rate is taken over so long, and begins anew after a pause longer than that, in ms. */
const WINDOW_MS = 5_000;

interface Sample {
  atMs: number;
  count: number;
}

/** Events a second, from counts that only grow. */
export class Rates {
  readonly #samples = new Map<string, Sample[]>();

  /** Notes a count, and gives the rate of late; null: it was not seen long enough. */
  note(name: string, count: number, atMs: number): number | null {
    const known = this.#samples.get(name) ?? [];
    const isAnew = (known.at(-1)?.count ?? 0) > count;
    const kept = isAnew ? [] : known.filter((sample) => atMs - sample.atMs <= WINDOW_MS);
    kept.push({ atMs, count });
    this.#samples.set(name, kept);
    const [first] = kept;
    if (first === undefined || atMs - first.atMs < 500) return null;
    return Math.round(((count - first.count) / (atMs - first.atMs)) * 10_000) / 10;
  }

  /** Forgets what has not been noted for long. */
  prune(nowMs: number): void {
    for (const [name, samples] of this.#samples) {
      const last = samples.at(-1)?.atMs ?? 0;
      if (nowMs - last > 12 * WINDOW_MS) this.#samples.delete(name);
    }
  }
}
