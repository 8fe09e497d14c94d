import type { FlagSet } from '@banyan/control';
import type { LiveMode, LiveOptions } from './live-options.js';

/**
 * How a client learns of changes: as the flag says for it, a query edge's ladder of two rungs, `poll` and `push`. What the flag
 * cannot change: while events do not come, everybody polls.
 */
export class LiveModes {
  readonly #flags: FlagSet;
  readonly #options: Pick<LiveOptions, 'flag' | 'unflagged'>;
  readonly #isFlowing: () => boolean;

  constructor(flags: FlagSet, options: Pick<LiveOptions, 'flag' | 'unflagged'>, isFlowing: () => boolean) {
    this.#flags = flags;
    this.#options = options;
    this.#isFlowing = isFlowing;
  }

  /** @param key who is asked for, where the flag is ramped; clients without one are the last to move */
  of(key: string | undefined): LiveMode {
    return this.#isFlowing() ? this.flagged(key) : 'poll';
  }

  /** What the flag alone says. A value that is neither mode is the older one. */
  flagged(key: string | undefined): LiveMode {
    const { flag, unflagged } = this.#options;
    const answer = this.#flags.answer(flag, key);
    if (answer === undefined) return unflagged;
    return answer.value === 'push' ? 'push' : 'poll';
  }

  onChange(listener: () => void): () => void {
    return this.#flags.onChange((flag) => {
      if (flag === this.#options.flag) listener();
    });
  }
}
