import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { BanyanError } from './errors.js';

type Task = () => Promise<void>;

const ambient = new AsyncLocalStorage<Task[]>();

/**
 * Has something done once the transaction that the running code is in is committed, and never if it rolls back. It is done
 * at most once: lost if the process dies in between.
 *
 * @param task must not throw
 * @throws BanyanError BANYAN_NO_TRANSACTION outside of `committing`
 */
export function afterCommit(task: Task): void {
  const tasks = ambient.getStore();
  if (tasks === undefined)
    throw new BanyanError('BANYAN_NO_TRANSACTION', 'afterCommit is called outside of one');
  tasks.push(AsyncResource.bind(task));
}

/** Runs what a savepoint may undo: if it throws, what it has left to do is forgotten. */
export async function unlessUndone<T>(work: () => Promise<T>): Promise<T> {
  const tasks: Task[] = [];
  const result = await ambient.run(tasks, work);
  ambient.getStore()?.push(...tasks);
  return result;
}

/** Runs a transaction, from its begin to its commit, and then what it has left to do, one after the other. */
export async function committing<T>(transaction: () => Promise<T>): Promise<T> {
  const tasks: Task[] = [];
  const result = await ambient.run(tasks, transaction);
  for (const task of tasks) await task();
  return result;
}
