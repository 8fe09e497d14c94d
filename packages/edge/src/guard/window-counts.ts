const SLICES = 10;

/** What happened in the last while, by name. It forgets in tenths of its time, so it looks back over 0.9 to 1 of it. */
export class WindowCounts<Name extends string> {
  readonly #sliceMs: number;
  readonly #slices: { number: number; counts: Map<Name, number> }[] = [];

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES;
  }

  add(name: Name, nowMs: number): void {
    const number = Math.floor(nowMs / this.#sliceMs);
    let slice = this.#slices.at(-1);
    if (slice?.number !== number) this.#slices.push((slice = { number, counts: new Map() }));
    slice.counts.set(name, (slice.counts.get(name) ?? 0) + 1);
    while ((this.#slices[0]?.number ?? number) <= number - SLICES) this.#slices.shift();
  }

  of(name: Name): number {
    return this.#slices.reduce((sum, { counts }) => sum + (counts.get(name) ?? 0), 0);
  }

  clear(): void {
    this.#slices.length = 0;
  }
}
