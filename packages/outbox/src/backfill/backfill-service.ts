import { randomUUID } from 'node:crypto';
import {
  backfillSubjectOf,
  type BackfillAnswer,
  type BackfillReport,
  type BackfillTask,
} from '@banyan/contracts';
import { BanyanError, isBanyanError, messageOf, type Queryable } from '@banyan/runtime';
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import { reportOf } from './backfill-report.js';
import type { BackfillRow, BackfillStore } from './backfill-store.js';
import type { BackfillerOptions } from './options.js';
import { readTask } from './read-task.js';

export interface BackfillServiceParts {
  options: BackfillerOptions;
  db: Queryable;
  store: BackfillStore;
  /** Called after a request that may have given somebody something to do. */
  onChange: () => void;
}

/** Takes tasks over NATS, one process of the source each. All of its state is in the database, so it matters not which. */
export class BackfillService {
  readonly #parts: BackfillServiceParts;
  #requests: Subscription | undefined;
  #answering: Promise<void> = Promise.resolve();

  constructor(parts: BackfillServiceParts) {
    this.#parts = parts;
  }

  start(nats: NatsConnection): void {
    const { source } = this.#parts.options;
    this.#requests = nats.subscribe(backfillSubjectOf(source), { queue: 'banyan-backfill' });
    this.#answering = this.#answerAll(this.#requests);
  }

  /** Stops after the request that is being answered. */
  async stop(): Promise<void> {
    this.#requests?.unsubscribe();
    await this.#answering;
  }

  async #answerAll(requests: Subscription): Promise<void> {
    for await (const message of requests) message.respond(JSON.stringify(await this.#answer(message)));
  }

  async #answer(message: Msg): Promise<BackfillAnswer> {
    let task: BackfillTask | undefined;
    try {
      task = readTask(message.string());
      return { result: await this.#perform(task) };
    } catch (error) {
      const { logger, source } = this.#parts.options;
      // Gates ask for the status of what was perhaps never asked for.
      const level = task?.do === 'status' ? 'debug' : 'warn';
      logger[level]('a backfill task was refused', { source, error: messageOf(error) });
      if (!isBanyanError(error)) return { error: awayFor(source, error) };
      const { code, rawMessage, remedy } = error;
      return { error: { code, message: rawMessage, remedy } };
    }
  }

  async #perform(task: BackfillTask): Promise<BackfillReport> {
    this.#checkKnown(task.aggregate);
    const { store, onChange } = this.#parts;
    if (task.do === 'start') return this.#start(task);
    if (task.do === 'pause') await store.move(task.aggregate, 'paused', ['running']);
    if (task.do === 'resume') await store.move(task.aggregate, 'running', ['paused', 'failed']);
    if (task.do === 'cancel') await store.move(task.aggregate, 'cancelled', ['running', 'paused', 'failed']);
    const row = await store.latest(task.aggregate);
    if (row === undefined || !isAsAsked(task, row)) throw this.#refused(task, row);
    onChange();
    return this.#report(row, false);
  }

  /** One that failed goes on; one that runs is joined. */
  async #start(task: BackfillTask & { do: 'start' }): Promise<BackfillReport> {
    const { store, onChange, options } = this.#parts;
    const { aggregate, by, rowsPerSecond = options.rowsPerSecond } = task;
    const id = task.id ?? randomUUID();
    const started = await store.start({ id, aggregate, rowsPerSecond, by });
    if (!started && task.id === undefined) await store.move(aggregate, 'running', ['failed']);
    const row = await (task.id === undefined ? store.latest(aggregate) : store.find(id));
    if (row === undefined) throw this.#refused(task, await store.latest(aggregate));
    onChange();
    return this.#report(row, started);
  }

  #report(row: BackfillRow, started: boolean): Promise<BackfillReport> {
    return reportOf(this.#parts.db, row, { source: this.#parts.options.source, started });
  }

  #checkKnown(aggregate: string): void {
    const { snapshots, source } = this.#parts.options;
    const known = snapshots.map((each) => each.aggregate);
    if (known.includes(aggregate)) return;
    throw new BanyanError(
      'BANYAN_BACKFILL_REFUSED',
      `${source} makes no snapshots of ${JSON.stringify(aggregate)}, only of ${known.join(', ')}`,
    );
  }

  #refused(task: BackfillTask, row: BackfillRow | undefined): BanyanError {
    const { source } = this.#parts.options;
    const key = `${source}/${task.aggregate}`;
    if (row === undefined)
      return new BanyanError('BANYAN_BACKFILL_REFUSED', `no backfill of ${key} was ever asked for`, {
        remedy: `Ask for one: banyan backfill ${key}`,
      });
    const seen = `${row.id}, by ${row.requested_by}, is ${row.state}`;
    return new BanyanError('BANYAN_BACKFILL_REFUSED', `no backfill of ${key} to ${task.do}: ${seen}`);
  }
}

/** Most often its database is away; what was asked for stays there, and whoever follows it asks again. */
function awayFor(source: string, error: unknown): { code: string; message: string; remedy: string } {
  const message = `${source} cannot answer at present: ${messageOf(error)}`;
  return { code: 'BANYAN_BACKFILL_UNREACHABLE', message, remedy: 'Ask again once its database answers.' };
}

/** Asking again for what is so already is no error. */
function isAsAsked(task: BackfillTask, { state }: BackfillRow): boolean {
  if (task.do === 'pause') return state === 'paused';
  if (task.do === 'resume') return state === 'running';
  if (task.do === 'cancel') return state === 'cancelled';
  return true;
}
