import type { TombstoneCaller } from '@banyan/control';

/** Names come off the wire: no more of them are kept than a system has services, and none is longer than a name. */
const MAX_CALLERS = 100;
const MAX_NAME = 64;
const OTHERS = 'others';

/** Counts the calls of one method by caller. Beyond 100 callers all further ones count as `others`. */
export class CallerCounts {
  readonly #callers = new Map<string, { calls: number; refused: number; lastMs: number }>();

  count(name: string, { refused }: { refused: boolean }): void {
    const caller = this.#of(name.slice(0, MAX_NAME));
    caller.calls += 1;
    if (refused) caller.refused += 1;
    caller.lastMs = Date.now();
  }

  report(): TombstoneCaller[] {
    return [...this.#callers].map(([caller, { lastMs, ...counts }]) => {
      return { caller, ...counts, lastAt: new Date(lastMs).toISOString() };
    });
  }

  #of(name: string): { calls: number; refused: number; lastMs: number } {
    const key = this.#callers.has(name) || this.#callers.size < MAX_CALLERS ? name : OTHERS;
    const found = this.#callers.get(key) ?? { calls: 0, refused: 0, lastMs: 0 };
    this.#callers.set(key, found);
    return found;
  }
}
