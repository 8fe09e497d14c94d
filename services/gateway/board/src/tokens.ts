/** What this page has seen, so that no answer is older. As a header it survives two answers that come at once; a cookie does not. */
export class SeenTokens {
  /** By aggregate, least recently seen first. `*` holds the time by which what was dropped had been seen. */
  readonly #tokens = new Map<string, string>();
  readonly #most = 40;

  /** As the header `banyan-tokens` wants it; empty if nothing was seen. */
  get header(): string {
    return [...this.#tokens.values()].join(',');
  }

  /** Adds what an answer said. */
  add(header: string | null): void {
    for (const token of (header ?? '').split(',')) if (token !== '') this.#addOne(token);
    // The server takes the shortened set for what it is only if it is told; so the oldest go, and their time stays.
    while (this.#tokens.size > this.#most) this.#dropOldest();
  }

  #addOne(token: string): void {
    const at = token.lastIndexOf('@');
    const key = at < 0 ? '*' : token.slice(0, at);
    const known = this.#tokens.get(key);
    if (known !== undefined && isLater(known, token, at)) return;
    this.#tokens.delete(key);
    this.#tokens.set(key, token);
  }

  #dropOldest(): void {
    const [key] = [...this.#tokens.keys()].filter((each) => each !== '*');
    if (key === undefined) return;
    const timeMs = Number(/\+(\d+)$/.exec(this.#tokens.get(key) ?? '')?.[1] ?? Date.now());
    this.#tokens.delete(key);
    this.#addOne(`*+${timeMs}`);
  }
}

/** Whether the first is of a later version, or of a later history whatever its version; of `*`, of a later time. */
function isLater(known: string, token: string, at: number): boolean {
  if (at < 0) return numberAt(known, 2) > numberAt(token, 2);
  const [a, b] = [epochOf(known), epochOf(token)];
  if (a !== 0 && b !== 0 && a !== b) return a > b;
  return numberAt(known, at + 1) > numberAt(token, at + 1);
}

const numberAt = (token: string, index: number): number => Number(/^\d+/.exec(token.slice(index))?.[0] ?? 0);
const epochOf = (token: string): number => Number(/~(\d+)(?:\+\d+)?$/.exec(token)?.[1] ?? 0);
