import { expect, it } from 'vitest';
import { afterCommit, committing, unlessUndone } from './after-commit.js';

const told: string[] = [];
const tell = (what: string) => (): Promise<void> => Promise.resolve(void told.push(what));

it('does what a transaction has left to do once it is committed, in order', async () => {
  const result = await committing(async () => {
    afterCommit(tell('first'));
    await Promise.resolve();
    afterCommit(tell('second'));
    expect(told).toEqual([]);
    return 'committed';
  });
  expect([result, ...told.splice(0)]).toEqual(['committed', 'first', 'second']);
});

it('does nothing for a transaction that is rolled back, nor for what a savepoint undid', async () => {
  const failed = committing(() => {
    afterCommit(tell('never'));
    return Promise.reject(new Error('rolled back'));
  });
  await expect(failed).rejects.toThrow('rolled back');
  const keep = (): Promise<void> => {
    afterCommit(tell('kept'));
    return Promise.resolve();
  };
  await committing(async () => {
    await unlessUndone(keep);
    const undone = unlessUndone(() => {
      afterCommit(tell('undone'));
      return Promise.reject(new Error('no'));
    });
    await expect(undone).rejects.toThrow('no');
  });
  expect(told.splice(0)).toEqual(['kept']);
});

it('refuses to be told of something that nobody would do', () => {
  expect(() => afterCommit(tell('never'))).toThrow(/BANYAN_NO_TRANSACTION/);
});
