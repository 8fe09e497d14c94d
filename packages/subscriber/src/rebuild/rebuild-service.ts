import { randomUUID } from 'node:crypto';
import { rebuildSubjectOf, type RebuildAnswer, type RebuildTask } from '@banyan/contracts';
import { BanyanError, isBanyanError, messageOf } from '@banyan/runtime';
import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core';
import type { Client } from 'pg';
import type { Replica } from '../replica/replica.js';
import { Session } from '../session.js';
import { makeCopy } from './copy-table.js';
import { findObstacles } from './obstacles.js';
import { readTask } from './read-task.js';
import { rebuildReportOf, type NewRebuild, type RebuildStore } from './rebuild-store.js';
import type { RebuilderParts } from './rebuilder.js';
import { abort, inTransaction } from './swap.js';
import { beside, findTable } from './table-place.js';

export interface RebuildServiceParts extends RebuilderParts {
  /** The newest history of each source that was heard of. */
  epochs: () => { source: string; epoch: number }[];
  /** Called after a request that may have given somebody something to do. */
  onChange: () => void;
}

type StartTask = RebuildTask & { do: 'start' | 'swap' };

/** Takes tasks over NATS, one instance of the subscriber each; it has the definitions of the replicas, and database rights. */
export class RebuildService {
  readonly #parts: RebuildServiceParts;
  readonly #store: RebuildStore;
  #requests: Subscription | undefined;
  #answering: Promise<void> = Promise.resolve();

  constructor(parts: RebuildServiceParts) {
    this.#parts = parts;
    this.#store = parts.store;
  }

  start(): void {
    const { nats, name } = this.#parts;
    this.#requests ??= subscribe(nats, name);
    this.#answering = this.#answerAll(this.#requests);
  }

  async stop(): Promise<void> {
    this.#requests?.unsubscribe();
    await this.#answering;
    this.#requests = undefined;
  }

  async #answerAll(requests: Subscription): Promise<void> {
    for await (const message of requests) message.respond(JSON.stringify(await this.#answer(message)));
  }

  async #answer(message: Msg): Promise<RebuildAnswer> {
    const { databaseUrl, name, instance, logger, onChange } = this.#parts;
    try {
      const task = readTask(message.string());
      const session = await Session.open(databaseUrl, `banyan-subscriber ${instance} ${name}`, logger);
      try {
        return { result: await this.#perform(session.client, task) };
      } finally {
        await session.close();
        onChange();
      }
    } catch (error) {
      logger.warn('a rebuild task was refused', { subscriber: name, error: messageOf(error) });
      if (!isBanyanError(error)) return { error: awayFor(name, error) };
      return { error: { code: error.code, message: error.rawMessage, remedy: error.remedy } };
    }
  }

  async #perform(
    client: Client,
    task: RebuildTask,
  ): Promise<Extract<RebuildAnswer, { result: unknown }>['result']> {
    if (task.do === 'accept-epoch') return this.#accept(client);
    if (task.do === 'start') await this.#start(client, task);
    if (task.do === 'swap') await this.#store.askSwap(client, task.replica, task);
    const row = await this.#store.latest(client, task.replica);
    if (row === undefined) throw neverAsked(task.replica);
    if (task.do === 'abort') await abort(client, this.#store, row);
    return rebuildReportOf((await this.#store.latest(client, task.replica)) ?? row);
  }

  async #accept(client: Client): Promise<{ accepted: { source: string; epoch: number }[] }> {
    const accepted = this.#parts.epochs();
    await inTransaction(client, async () => {
      await this.#store.lockPositions(client);
      await this.#store.acceptEpochs(client, accepted);
    });
    return { accepted };
  }

  /**
   * The copy, its row and the locks of all positions in one transaction: from one position on, every batch of every instance
   * fills the copy. One that is open is joined.
   */
  async #start(client: Client, task: StartTask): Promise<void> {
    const replica = this.#replicaOf(task.replica);
    const { table, columns } = replica.options;
    const place = await findTable(client, table);
    if (place === undefined) throw refused(`there is no table ${table}`);
    const made = rebuildOf(replica, task, (ending) => `${place.schema}.${beside(place.name, ending)}`);
    const open = await inTransaction(client, async () => {
      await client.query(`set local lock_timeout = '5s'`);
      await this.#store.lockPositions(client);
      if (!(await this.#store.insert(client, made))) return true;
      const obstacles = await findObstacles(client, { table, columns });
      if (obstacles.length > 0)
        throw refused(`${table} cannot be swapped, because of: ${obstacles.join('; ')}`);
      await makeCopy(client, table, made.copy);
      await this.#store.acceptEpochs(client, this.#parts.epochs());
      return false;
    });
    if (open) await this.#store.askSwap(client, table, task);
  }

  #replicaOf(table: string): Replica {
    const { replicas, name } = this.#parts;
    const found = replicas.find(({ options }) => options.table === table);
    if (found !== undefined) return found;
    const known = replicas.map(({ options }) => options.table).join(', ');
    throw refused(`${name} keeps no replica ${JSON.stringify(table)}, only ${known === '' ? 'none' : known}`);
  }
}

function subscribe(nats: NatsConnection, name: string): Subscription {
  return nats.subscribe(rebuildSubjectOf(name), { queue: 'banyan-rebuild' });
}

function rebuildOf(
  { handlers, options }: Replica,
  { swap, dropOld, by }: StartTask,
  nameOf: (ending: string) => string,
): NewRebuild {
  const id = randomUUID();
  const aggregates = new Map(
    handlers.map(({ source, aggregate }) => [`${source}/${aggregate}`, { source, aggregate }]),
  );
  return {
    id,
    replica: options.table,
    copy: nameOf(`new_${id.slice(0, 8)}`),
    old: nameOf(`old_${id.slice(0, 8)}`),
    backfills: [...aggregates.values()].map((each) => ({ ...each, id: randomUUID() })),
    swap,
    drop_old: dropOld,
    requested_by: by,
  };
}

/** Most often its database is away; what was asked for stays there, and whoever follows it asks again. */
function awayFor(name: string, error: unknown): { code: string; message: string; remedy: string } {
  const message = `${name} cannot answer at present: ${messageOf(error)}`;
  return { code: 'BANYAN_REBUILD_UNREACHABLE', message, remedy: 'Ask again once its database answers.' };
}

function neverAsked(replica: string): BanyanError {
  return new BanyanError('BANYAN_REBUILD_REFUSED', `no rebuild of ${replica} was ever asked for`, {
    remedy: `Ask for one: banyan rebuild ${replica}`,
  });
}

function refused(what: string): BanyanError {
  return new BanyanError('BANYAN_REBUILD_REFUSED', what);
}
