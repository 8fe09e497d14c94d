import { describe, expect, it } from 'vitest';
import { KeySequence } from './key-sequence.js';

describe('keys', () => {
  it('stand for themselves', () => {
    const keys = new KeySequence();
    expect(keys.read('?', 0)).toEqual({ do: 'help' });
    expect(keys.read('a', 1)).toEqual({ do: 'advance' });
    expect(keys.read('x', 2)).toBeUndefined();
    expect(keys.read('toString', 3)).toBeUndefined();
  });

  it('after g say where to, once, and only soon after', () => {
    const keys = new KeySequence();
    expect(keys.read('g', 0)).toBeUndefined();
    expect(keys.read('r', 900)).toEqual({ do: 'go', key: 'r' });
    expect(keys.read('t', 1_000)).toEqual({ do: 'theme' });
    expect(keys.read('g', 2_000)).toBeUndefined();
    expect(keys.read('b', 9_000)).toEqual({ do: 'back' });
  });
});
