import { describe, expect, it } from 'vitest';
import { currentTokens, seenOnCommit, TokenScope } from './token-scope.js';
import type { TokenSet } from './token-set.js';
import type { SeenToken } from './token.js';

const token = (id: string, version = 1): SeenToken => ({
  source: 'projects',
  aggregate: 'project',
  id,
  version,
});
const write = (id: string): void => currentTokens()?.wrote(token(id));
const ids = (set: TokenSet): string[] => set.of().map(({ id }) => id);

describe('a token scope', () => {
  it('follows the code that runs in it, and not the code beside it', async () => {
    const [a, b] = [new TokenScope(), new TokenScope()];
    await Promise.all([
      a.run(async () => {
        await Promise.resolve();
        currentTokens()?.saw(token('a'));
      }),
      b.run(async () => {
        await new Promise(setImmediate);
        currentTokens()?.saw(token('b'));
      }),
    ]);
    expect([ids(a.seen), ids(b.seen)]).toEqual([['a'], ['b']]);
    expect(currentTokens()).toBeUndefined();
  });

  it('has seen what a transaction wrote once it has committed, even if the request fails after it', async () => {
    const scope = new TokenScope();
    await scope.run(() =>
      seenOnCommit(() => {
        write('p1');
        expect(ids(scope.seen)).toEqual([]);
        expect(ids(currentTokens()!.writing)).toEqual(['p1']);
        return Promise.resolve();
      }),
    );
    expect(ids(scope.told({ ok: false }))).toEqual(['p1']);
  });

  it('never sees what a transaction wrote that rolled back, but what it read meanwhile', async () => {
    const scope = new TokenScope();
    const failing = scope.run(() =>
      seenOnCommit(() => {
        write('lost');
        currentTokens()?.saw(token('read'));
        return Promise.reject(new Error('no'));
      }),
    );
    await expect(failing).rejects.toThrow('no');
    expect(ids(scope.told({ ok: true }))).toEqual(['read']);
  });

  it('gives a savepoint’s writes to its transaction, and both to nobody if that rolls back', async () => {
    const scope = new TokenScope();
    const outer = async (fail: boolean): Promise<void> => {
      await seenOnCommit(async () => {
        await seenOnCommit(async () => {
          await Promise.resolve();
          write(fail ? 'lost' : 'kept');
        });
        if (fail) throw new Error('no');
      });
    };
    await expect(scope.run(() => outer(true))).rejects.toThrow('no');
    await scope.run(() => outer(false));
    expect(ids(scope.seen)).toEqual(['kept']);
  });

  it('takes writes of a transaction that says nothing of its end for seen if the request ends well', () => {
    const [good, bad] = [new TokenScope(), new TokenScope()];
    good.run(() => write('p1'));
    bad.run(() => write('p1'));
    expect(ids(good.told({ ok: true }))).toEqual(['p1']);
    expect(ids(bad.told({ ok: false }))).toEqual([]);
  });

  it('dates a write by its commit, because it was not there for others before', async () => {
    const scope = new TokenScope();
    let writtenMs = 0;
    await scope.run(() =>
      seenOnCommit(async () => {
        write('p1');
        writtenMs = currentTokens()!.writing.of()[0]!.atMs;
        while (Date.now() <= writtenMs) await new Promise(setImmediate);
      }),
    );
    expect(scope.seen.of()[0]!.atMs).toBeGreaterThan(writtenMs);
  });
});
