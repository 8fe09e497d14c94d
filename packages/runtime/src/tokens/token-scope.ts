import { AsyncLocalStorage } from 'node:async_hooks';
import { TokenSet } from './token-set.js';
import type { SeenToken } from './token.js';

const ambient = new AsyncLocalStorage<TokenScope>();

/**
 * What is seen in the course of one request, or by one client over many: tokens that came with the request, those of
 * answers, and those of its own writes. It follows the code that runs in it by itself (AsyncLocalStorage), so that no
 * handler hands it on.
 *
 * A write is seen when its transaction has committed, and never if it rolls back: a token of a version that never came to
 * be would hold up its caller. A transaction says so by `seenOnCommit`; without that its writes count as seen when the
 * request ends well.
 */
export class TokenScope {
  readonly #came: TokenSet;
  readonly #seen: TokenSet;
  /** Of transactions that have not told their end. */
  readonly #written = new TokenSet();
  readonly #parent: TokenScope | undefined;

  /** @param came what had been seen before */
  constructor(came = new TokenSet(), parent?: TokenScope) {
    this.#came = came;
    this.#seen = came.copy();
    this.#parent = parent;
  }

  /** What has been seen for certain: what to send with a call, and what a replica must have. */
  get seen(): TokenSet {
    return this.#root.#seen;
  }

  /** The same and what the open transaction has written so far: what an event of it comes after. */
  get writing(): TokenSet {
    return (this.#parent?.writing ?? this.#seen.copy()).merge(this.#written);
  }

  /** Runs work that sees and writes in this scope, whatever it awaits. */
  run<T>(work: () => T): T {
    return ambient.run(this, work);
  }

  saw(token: SeenToken): void {
    this.seen.add(token);
  }

  sawAll(tokens: TokenSet): void {
    this.seen.merge(tokens);
  }

  /** The open transaction has written this version. */
  wrote(token: SeenToken): void {
    this.#written.add(token);
  }

  /** What whoever asked does not know yet. @param ok that the request ended well, and so its transactions did */
  told({ ok }: { ok: boolean }): TokenSet {
    if (ok) this.seen.merge(this.#written, Date.now());
    return this.seen.beyond(this.#came);
  }

  /** Runs a transaction of its own; see `seenOnCommit`. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    const inner = new TokenScope(undefined, this);
    const result = await inner.run(work);
    const outer = this.#parent === undefined ? this.#seen : this.#written;
    // Not when it was written: then it was not there for others yet.
    outer.merge(inner.#written, Date.now());
    return result;
  }

  get #root(): TokenScope {
    return this.#parent === undefined ? this : this.#parent.#root;
  }
}

/** The scope that the running code is in, if any. */
export function currentTokens(): TokenScope | undefined {
  return ambient.getStore();
}

/**
 * Runs a transaction, from its begin to its commit: what it emits counts as seen once `transaction` has resolved, and never
 * if it throws.
 */
export function seenOnCommit<T>(transaction: () => Promise<T>): Promise<T> {
  return currentTokens()?.transaction(transaction) ?? transaction();
}
