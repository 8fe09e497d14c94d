import type { CallsWithoutId } from '@banyan/control';

const MAX_CALLERS = 20;

/** Who calls without saying which event it is about: until they stop, the edge cannot leave `call`. */
export class CallersWithoutId {
  readonly #callers = new Map<string, CallsWithoutId>();

  note(caller: string): void {
    const calls = (this.#callers.get(caller)?.calls ?? 0) + 1;
    this.#callers.delete(caller);
    this.#callers.set(caller, { caller, calls, lastAt: new Date().toISOString() });
    const [longestSilent] = this.#callers.keys();
    if (this.#callers.size > MAX_CALLERS && longestSilent !== undefined) this.#callers.delete(longestSilent);
  }

  /** The latest few callers, most recent first. */
  report(): CallsWithoutId[] {
    return [...this.#callers.values()].reverse();
  }
}
