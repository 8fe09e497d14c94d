import type { Pool, PoolClient } from 'pg';
import type { Change } from '@banyan/contracts';
import type { Task } from '@banyan/contracts/tasks';
import type { EmitReacting, Reactions } from '@banyan/edge';
import type { Queryable } from '@banyan/runtime';
import { inTransaction, type CallContext } from '@banyan/service-host';
import { missing } from '@banyan/service-host/rules';
import * as store from './task-store.js';

export interface TaskChangesParts {
  pool: Pool;
  /** What follows from changes of tasks elsewhere. */
  reactions: Reactions;
}

/** Every change of a task goes through here: lock, let a rule decide, write and publish in one transaction. */
export class TaskChanges {
  readonly #parts: TaskChangesParts;

  constructor(parts: TaskChangesParts) {
    this.#parts = parts;
  }

  create(created: Change<Task>, context: CallContext): Promise<Task> {
    return this.#inTransaction(context, async (tx, emit) => {
      await store.insertTask(tx, created.state);
      await publish(emit, created);
      return created.state;
    });
  }

  change(id: string, context: CallContext, decide: (task: Task) => Change<Task>): Promise<Task> {
    return this.#inTransaction(context, async (tx, emit) => {
      const before = await store.lockTask(tx, id);
      if (before === undefined) throw missing('task', id);
      return write(tx, before, { change: decide(before), emit });
    });
  }

  /**
   * Changes many tasks in the transaction of a reaction, a batch at a time, until `lock` finds no more.
   *
   * @param lock locks the next batch of those that `decide` still has to change
   * @returns how many were changed
   */
  changeAll(
    tx: Queryable,
    lock: (limit: number) => Promise<Task[]>,
    decide: (task: Task) => Change<Task>,
  ): Promise<number> {
    return this.#parts.reactions.within(tx, async (emit) => {
      let total = 0;
      for (;;) {
        const batch = await lock(BATCH);
        for (const before of batch) await write(tx, before, { change: decide(before), emit });
        total += batch.length;
        // Not "fewer than asked for": rows that others changed while they were waited for drop out of a batch.
        if (batch.length === 0) return total;
      }
    });
  }

  #inTransaction<T>(
    context: CallContext,
    work: (tx: PoolClient, emit: EmitReacting) => Promise<T>,
  ): Promise<T> {
    const { pool, reactions } = this.#parts;
    return reactions.transaction((run) => inTransaction(pool, context, run), work);
  }
}

const BATCH = 100;

async function write(
  tx: Queryable,
  before: Task,
  { change, emit }: { change: Change<Task>; emit: EmitReacting },
): Promise<Task> {
  if (change.fact !== undefined) await store.updateTask(tx, before, change.state);
  await publish(emit, change);
  return change.state;
}

async function publish(emit: EmitReacting, { fact }: Change<Task>): Promise<void> {
  if (fact !== undefined) await emit(fact.event, fact.data);
}
