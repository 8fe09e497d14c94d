import { laterToken, readToken, writeToken, type SeenToken } from './token.js';

/** The name under which tokens travel: in gRPC metadata and trailers, and among an event's headers. */
export const TOKEN_HEADER = 'banyan-token';

/** Aggregates that are remembered. */
const MAX_TOKENS = 64;
/** Bytes of the text. gRPC peers refuse metadata above 8 KB or so. */
const MAX_BYTES = 4096;

const FORGOTTEN = /^\*\+([1-9]\d{0,15})$/;

/** A token as a set holds it. */
export type TimedToken = SeenToken & { readonly atMs: number };

/**
 * What a caller has seen: the latest token of each aggregate. It is capped: the least recently seen are forgotten, and of
 * them only the time stays by which they had been seen. So it never grows, and never promises less.
 */
export class TokenSet {
  /** Least recently seen first. */
  readonly #tokens = new Map<string, TimedToken>();
  #forgottenMs = 0;

  /** By when all that was forgotten had been seen, ms since 1970; 0: nothing was. */
  get forgottenMs(): number {
    return this.#forgottenMs;
  }

  get isEmpty(): boolean {
    return this.#tokens.size === 0 && this.#forgottenMs === 0;
  }

  /** All tokens of a source, or of all of them. */
  of(source?: string): TimedToken[] {
    const all = [...this.#tokens.values()];
    return source === undefined ? all : all.filter((token) => token.source === source);
  }

  /** @param key `project/p1` */
  get(source: string, key: string): TimedToken | undefined {
    return this.#tokens.get(`${source}/${key}`);
  }

  add(token: SeenToken): this {
    const key = keyOf(token);
    const known = this.#tokens.get(key);
    const later = known === undefined ? token : laterToken(known, token);
    this.#tokens.delete(key);
    this.#tokens.set(key, { ...later, atMs: later.atMs ?? Date.now() });
    if (this.#tokens.size > MAX_TOKENS) this.#forgetOldest();
    return this;
  }

  /** Adds what another one holds. @param atMs when all of it was seen, if later than it says itself */
  merge(other: TokenSet, atMs?: number): this {
    for (const token of other.#tokens.values()) this.add(atMs === undefined ? token : { ...token, atMs });
    this.#forget(other.#forgottenMs);
    return this;
  }

  /** What this one holds beyond another. */
  beyond(base: TokenSet): TokenSet {
    const more = new TokenSet();
    for (const [key, token] of this.#tokens) {
      const known = base.#tokens.get(key);
      if (known?.version !== token.version || known.epoch !== token.epoch) more.#tokens.set(key, token);
    }
    if (this.#forgottenMs > base.#forgottenMs) more.#forgottenMs = this.#forgottenMs;
    return more;
  }

  copy(): TokenSet {
    return new TokenSet().merge(this);
  }

  /** As one line of printable ASCII; empty if nothing was seen. @param maxBytes for its tokens, by default 4 KB */
  encode(maxBytes = MAX_BYTES): string {
    const parts: string[] = [];
    let [bytes, forgottenMs] = [0, this.#forgottenMs];
    for (const token of [...this.#tokens.values()].reverse()) {
      const part = escape(writeToken(token));
      bytes += part.length + 1;
      if (bytes > maxBytes) forgottenMs = Math.max(forgottenMs, token.atMs);
      else parts.push(part);
    }
    if (forgottenMs > 0) parts.push(`*+${forgottenMs}`);
    return parts.reverse().join(',');
  }

  /**
   * Reads what `encode` wrote. What cannot be read counts as seen and forgotten just now: a replica must then be newer than
   * this moment.
   */
  static decode(written: string): TokenSet {
    const set = new TokenSet();
    if (written.length > 2 * MAX_BYTES) set.#forget(Date.now());
    else if (written !== '') for (const part of written.split(',')) set.#read(part.trim());
    return set;
  }

  #read(part: string): void {
    const forgotten = FORGOTTEN.exec(part)?.[1];
    const token = forgotten === undefined ? readToken(unescape(part)) : undefined;
    if (token !== undefined) this.add(token);
    else this.#forget(forgotten === undefined ? Date.now() : Number(forgotten));
  }

  #forgetOldest(): void {
    for (const [key, { atMs }] of this.#tokens) {
      this.#tokens.delete(key);
      this.#forget(atMs);
      return;
    }
  }

  #forget(atMs: number): void {
    this.#forgottenMs = Math.max(this.#forgottenMs, atMs);
  }
}

function keyOf({ source, aggregate, id }: SeenToken): string {
  return `${source}/${aggregate}/${id}`;
}

/** What is no printable ASCII, and what separates or escapes, byte by byte. */
function escape(token: string): string {
  return token.replace(/[^!-$&-+\--~]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

function unescape(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
