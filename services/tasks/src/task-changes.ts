import type { Pool } from 'pg';
import type { Change } from '@banyan/contracts';
import type { Task } from '@banyan/contracts/tasks';
import { emit } from '@banyan/outbox';
import type { Logger, Queryable } from '@banyan/runtime';
import { afterCommit, inTransaction, type CallContext } from '@banyan/service-host';
import { missing } from '@banyan/service-host/rules';
import type { ProjectsClient } from './projects-client.js';
import { activityOf } from './task.js';
import * as store from './task-store.js';

export interface TaskChangesParts {
  pool: Pool;
  projects: ProjectsClient;
  logger: Logger;
}

/** A task before and after; `before` is undefined for a new one. */
interface Changed {
  before: Task | undefined;
  after: Task;
}

/**
 * Every change of a task goes through here: lock, let a rule decide, write and publish in one transaction; then, once it
 * is committed, tell projects if a task was opened or closed.
 */
export class TaskChanges {
  readonly #parts: TaskChangesParts;

  constructor(parts: TaskChangesParts) {
    this.#parts = parts;
  }

  async create(created: Change<Task>, context: CallContext): Promise<Task> {
    await inTransaction(this.#parts.pool, context, async (tx) => {
      await store.insertTask(tx, created.state);
      await publish(tx, created);
    });
    await this.#report([{ before: undefined, after: created.state }]);
    return created.state;
  }

  async change(id: string, context: CallContext, decide: (task: Task) => Change<Task>): Promise<Task> {
    const changed = await inTransaction(this.#parts.pool, context, async (tx) => {
      const before = await store.lockTask(tx, id);
      if (before === undefined) throw missing('task', id);
      return write(tx, before, decide(before));
    });
    await this.#report([changed]);
    return changed.after;
  }

  /**
   * Changes many tasks, a batch in each transaction, until `lock` finds no more.
   *
   * @param lock locks the next batch of those that `decide` still has to change
   * @returns how many were changed
   */
  async changeAll(
    context: CallContext,
    lock: (tx: Queryable, limit: number) => Promise<Task[]>,
    decide: (task: Task) => Change<Task>,
  ): Promise<number> {
    let total = 0;
    for (;;) {
      const batch = await inTransaction(this.#parts.pool, context, async (tx) => {
        const changed: Changed[] = [];
        for (const before of await lock(tx, BATCH)) changed.push(await write(tx, before, decide(before)));
        return changed;
      });
      total += batch.length;
      await this.#report(batch);
      // Not "fewer than asked for": rows that others changed while they were waited for drop out of a batch.
      if (batch.length === 0) return total;
    }
  }

  /** One call for each task, one after the other: this is what `tasks -> projects.RecordTaskActivity` costs today. */
  async #report(changes: readonly Changed[]): Promise<void> {
    const { logger, projects } = this.#parts;
    for (const { before, after } of changes) {
      const activity = activityOf(before, after);
      if (activity === undefined) continue;
      const report = { projectId: after.projectId, taskId: after.id, activity };
      await afterCommit(logger, 'tasks -> projects.RecordTaskActivity', (origin) =>
        projects.recordTaskActivity(report, origin),
      );
    }
  }
}

const BATCH = 100;

async function write(tx: Queryable, before: Task, change: Change<Task>): Promise<Changed> {
  if (change.fact !== undefined) await store.updateTask(tx, before, change.state);
  await publish(tx, change);
  return { before, after: change.state };
}

async function publish(tx: Queryable, { fact }: Change<Task>): Promise<void> {
  if (fact !== undefined) await emit(tx, fact.event, fact.data);
}
