/** Counts the reads of a replica that are open in all calls of one edge, those included that hang while they close. */
export class OpenReads {
  readonly #most: number;
  #open = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#open;
  }

  get hasRoom(): boolean {
    return this.#open < this.#most;
  }

  opened(): void {
    this.#open += 1;
  }

  closed(): void {
    this.#open -= 1;
  }
}
