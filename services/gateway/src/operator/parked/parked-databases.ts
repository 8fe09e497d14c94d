import { AuditLog } from '@banyan/control';
import { ParkedKeys, type ParkedKey } from '@banyan/playbook';
import { BanyanError, isBanyanError, messageOf } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ParkedDone, ParkedKeyRow, ParkedList, ParkedRequest } from '../wire.js';

export type ParkedAction = 'retry' | 'skip';

/** An action, and who does it. */
export interface ParkedTask {
  action: ParkedAction;
  request: ParkedRequest;
  by: string;
}

/** The databases that subscribers keep their positions in, by name; each question has a connection of its own to each. */
export class ParkedDatabases {
  readonly #databases: readonly (readonly [name: string, url: string])[];

  constructor(urls: Readonly<Record<string, string>>) {
    this.#databases = Object.entries(urls);
  }

  get areKnown(): boolean {
    return this.#databases.length > 0;
  }

  /** The keys of all databases that answer, oldest first. */
  async list(): Promise<ParkedList> {
    const unreachable: ParkedList['unreachable'] = [];
    const list = async ([database, url]: readonly [string, string]): Promise<ParkedKeyRow[]> => {
      try {
        const found = await within(url, (keys) => keys.list(ALL));
        return (found ?? []).map((key) => rowOf(database, key));
      } catch (error) {
        unreachable.push({ database, because: messageOf(error) });
        return [];
      }
    };
    const keys = (await Promise.all(this.#databases.map(list))).flat();
    return { keys: keys.sort((a, b) => a.at.localeCompare(b.at)), unreachable };
  }

  /**
   * Has a key tried again, or gives up the first event that waits for it.
   *
   * @throws BanyanError BANYAN_PARKED_UNKNOWN; BANYAN_AUDIT_UNWRITABLE, and nothing is done; BANYAN_DATABASE_UNREACHABLE
   */
  async act(connection: NatsConnection, task: ParkedTask): Promise<ParkedDone> {
    for (const [database, url] of this.#databases) {
      const done = await within(url, async (keys) => {
        const [key] = await keys.list(filterOf(task.request));
        if (key === undefined) return undefined;
        await audit(connection, { ...task, database, key });
        return perform(keys, key, task);
      });
      if (done !== undefined) return done;
    }
    const { subscriber, source, aggregate, key } = task.request;
    const what = `${source}/${aggregate}/${key} is not parked by ${subscriber}`;
    throw new BanyanError('BANYAN_PARKED_UNKNOWN', what);
  }
}

const ALL = { subscriber: undefined, source: undefined };

const filterOf = ({ subscriber, source, aggregate, key: aggregateId }: ParkedRequest) => ({
  ...{ subscriber, source, aggregate, aggregateId },
});

/** @returns undefined too for a database without subscribers */
async function within<T>(url: string, work: (keys: ParkedKeys) => Promise<T>): Promise<T | undefined> {
  let keys: ParkedKeys;
  try {
    keys = await ParkedKeys.open(url);
  } catch (error) {
    if (isBanyanError(error, 'BANYAN_SCHEMA_MISSING')) return undefined;
    throw error;
  }
  try {
    return await work(keys);
  } finally {
    await keys.close();
  }
}

/** Before it is done, so that nothing is done without. */
async function audit(
  connection: NatsConnection,
  { action, request, by, database, key }: ParkedTask & { database: string; key: ParkedKey },
): Promise<void> {
  const { subscriber, source, aggregate, aggregateId, position } = key;
  await new AuditLog(connection).append({
    ...{
      kind: 'parked',
      about: `${source}/${aggregate}/${aggregateId}`,
      by,
      why: request.reason,
      to: action,
    },
    details: { subscriber, database, position },
  });
}

async function perform(
  keys: ParkedKeys,
  key: ParkedKey,
  { action, request: { reason }, by }: ParkedTask,
): Promise<ParkedDone> {
  if (action === 'retry') return { done: await keys.retry(key) };
  const skipped = await keys.skip(key, { all: false, reason, by });
  return { done: skipped > 0, skipped };
}

function rowOf(service: string, key: ParkedKey): ParkedKeyRow {
  const { subscriber, source, aggregate, aggregateId, position, attempts, lastError, since, events } = key;
  return {
    ...{ subscriber, service, source, aggregate, key: aggregateId, position, attempts, error: lastError },
    ...{ at: since.toISOString(), waiting: events, skipped: key.state === 'skipped' },
  };
}
