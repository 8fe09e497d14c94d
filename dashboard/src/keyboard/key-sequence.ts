/** What a key, or one after another, asks for. */
export type Command =
  | { do: 'go'; key: string }
  | { do: 'help' | 'find' | 'theme' | 'advance' | 'back' | 'next-edge' | 'previous-edge' };

/** Within so many ms after `g` another key says where to. */
const SEQUENCE_MS = 1_500;

const SINGLE: Readonly<Record<string, Command>> = {
  '?': { do: 'help' },
  '/': { do: 'find' },
  t: { do: 'theme' },
  a: { do: 'advance' },
  b: { do: 'back' },
  ']': { do: 'next-edge' },
  '[': { do: 'previous-edge' },
};

/** Reads keys one by one: most stand for themselves, `g` waits for the next one. */
export class KeySequence {
  #begunMs = -Infinity;

  /** undefined: nothing, or not yet. */
  read(key: string, nowMs: number): Command | undefined {
    const follows = nowMs - this.#begunMs <= SEQUENCE_MS;
    this.#begunMs = key === 'g' && !follows ? nowMs : -Infinity;
    if (follows) return { do: 'go', key };
    return Object.hasOwn(SINGLE, key) ? SINGLE[key] : undefined;
  }
}
