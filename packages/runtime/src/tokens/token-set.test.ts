import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenSet } from './token-set.js';
import { readToken, writeToken, type SeenToken } from './token.js';

const tokens = fc.record({
  source: fc.constantFrom('projects', 'teams'),
  aggregate: fc.constantFrom('project', 'team'),
  id: fc.oneof(
    fc.constantFrom('p1', 'p2', 'a/b@1', 'ü,%'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  ),
  version: fc.integer({ min: 1, max: 9 }),
  epoch: fc.constantFrom(undefined, 1, 2),
  atMs: fc.integer({ min: 1, max: 1_000_000 }),
});

const setOf = (seen: readonly SeenToken[]): TokenSet => {
  const set = new TokenSet();
  for (const token of seen) set.add(token);
  return set;
};

const project = (id: string, version: number, more: Partial<SeenToken> = {}): SeenToken => ({
  source: 'projects',
  aggregate: 'project',
  id,
  version,
  atMs: 1000,
  ...more,
});

describe('a token', () => {
  it('is read as it was written, whatever its id is', () => {
    fc.assert(
      fc.property(tokens, (token) => {
        expect(readToken(writeToken(token))).toEqual(token);
      }),
    );
  });

  it('is written as before where epoch and time are not known', () => {
    expect(writeToken(project('p1', 7, { atMs: undefined }))).toBe('projects/project/p1@7');
    expect(readToken('projects/project/p1@7')).toMatchObject({ id: 'p1', version: 7, epoch: undefined });
    expect(readToken('projects/project/p1@0')).toBeUndefined();
  });
});

describe('a set of tokens', () => {
  it('keeps the highest version of an aggregate, and a version of a later history whatever it is', () => {
    const set = setOf([project('p1', 7), project('p1', 5), project('p2', 9, { epoch: 1 })]);
    set.add(project('p2', 3, { epoch: 2 })).add(project('p2', 8, { epoch: 1 }));
    expect(set.get('projects', 'project/p1')?.version).toBe(7);
    expect(set.get('projects', 'project/p2')).toMatchObject({ version: 3, epoch: 2 });
  });

  it('travels as printable ASCII and arrives as it was', () => {
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 20 }), (seen) => {
        const set = setOf(seen);
        const written = set.encode();
        expect(written).toMatch(/^[!-~]*$/);
        expect(TokenSet.decode(written).of()).toEqual(set.of());
      }),
    );
  });

  it('never grows above its cap, and knows by when it had seen what it forgot', () => {
    const set = new TokenSet();
    for (let i = 1; i <= 100; i++) set.add(project(`p${i}`, 1, { atMs: i }));
    expect(set.of()).toHaveLength(64);
    expect(set.forgottenMs).toBe(36);
    expect(set.get('projects', 'project/p37')).toBeDefined();
    expect(TokenSet.decode(set.encode()).forgottenMs).toBe(36);
  });

  it('fits into 4 KB, whatever the ids are', () => {
    const set = new TokenSet();
    for (let i = 1; i <= 20; i++) set.add(project(`${i} ${'ü'.repeat(200)}`, 1, { atMs: i }));
    const written = set.encode();
    expect(written.length).toBeLessThan(4200);
    const read = TokenSet.decode(written);
    expect(read.of().length).toBeGreaterThan(1);
    expect(read.forgottenMs).toBe(20 - read.of().length);
    expect(read.of().at(-1)?.id).toMatch(/^20 /);
  });

  it('takes what it cannot read for something seen just now', () => {
    for (const written of ['nonsense', '%ff', 'projects/project/p1@7,*', 'x'.repeat(10_000)]) {
      expect(TokenSet.decode(written).forgottenMs).toBeGreaterThan(Date.now() - 60_000);
    }
    expect(TokenSet.decode('').isEmpty).toBe(true);
  });

  it('tells what it holds beyond another', () => {
    const base = setOf([project('p1', 7), project('p2', 1)]);
    const more = base.copy().add(project('p1', 7)).add(project('p2', 2)).add(project('p3', 1));
    expect(
      more
        .beyond(base)
        .of()
        .map(({ id }) => id),
    ).toEqual(['p2', 'p3']);
    expect(base.beyond(base).isEmpty).toBe(true);
  });
});
