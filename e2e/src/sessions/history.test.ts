import { describe, expect, it } from 'vitest';
import { violationsOf, type Operation } from './history.js';

/** What one session did, in order: `['write', 3]`. */
function history(...did: [does: Operation['does'], version: number | null][]): Operation[] {
  return did.map(([does, version], i) => ({
    session: 1,
    does,
    via: 'test',
    startMs: i,
    endMs: i,
    shown: new Map([['p1', version]]),
  }));
}

const broken = (operations: Operation[], ...deletes: number[]): string[] =>
  violationsOf(operations, new Map([['p1', new Set(deletes)]])).map(({ breaks }) => breaks);

describe('the checker of histories', () => {
  it('finds a read that is older than the session’s own write', () => {
    expect(broken(history(['write', 3], ['read', 2]))).toEqual(['own-write']);
    expect(broken(history(['write', 3], ['list', 3], ['read', 4]))).toEqual([]);
  });

  it('finds a read that is older than an earlier read', () => {
    expect(broken(history(['list', 5], ['read', 4]))).toEqual(['monotonic']);
  });

  it('takes "there is none" for right only after a delete that is no older than what was seen', () => {
    expect(broken(history(['write', 3], ['read', null]))).toEqual(['own-write']);
    expect(broken(history(['write', 3], ['read', null]), 2)).toEqual(['own-write']);
    expect(broken(history(['write', 3], ['read', null]), 4)).toEqual([]);
    expect(broken(history(['write', 4], ['read', 3]), 4)).toEqual(['own-write']);
  });

  it('compares no session with another', () => {
    const [one] = history(['write', 3]);
    const [two] = history(['read', 1]);
    expect(broken([one!, { ...two!, session: 2 }])).toEqual([]);
  });
});
