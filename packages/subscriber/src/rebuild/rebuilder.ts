import {
  backfillSubjectOf,
  type BackfillAnswer,
  type BackfillEnd,
  type BackfillReport,
} from '@banyan/contracts';
import { BanyanError, Loop, messageOf, Wakeup, type Logger, type Round } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import type { SubscriberOptions } from '../options.js';
import type { Replica } from '../replica/replica.js';
import { Session } from '../session.js';
import { compare } from './compare.js';
import { aggregatesOnlyOf } from './mended-keys.js';
import type { RebuildRow, RebuildStore } from './rebuild-store.js';
import { abort, dropOld, obstacleNow, swap } from './swap.js';

/** How often it looks at what it waits for, in ms. */
const LOOK_MS = 250;

/** How often it asks whether the instance that does it is still there, in ms. */
const OTHERS_MS = 2000;

const LOCK = `select pg_try_advisory_lock(hashtextextended('banyan rebuild ' || $1, 6218)) as locked`;

// A partition of which the backfill's end names nothing is there already.
const BEHIND = `
select count(*)::integer as partitions
from jsonb_to_recordset($2) as e (source text, epoch integer, heads bigint[])
cross join lateral unnest(e.heads) with ordinality h (head, place)
left join banyan.position p on p.subscriber = $1 and p.source = e.source and p.partition = h.place - 1
where h.head > 0 and (p.epoch is null or (p.epoch, p.n) < (e.epoch, h.head))`;

export interface RebuilderParts {
  name: string;
  instance: string;
  databaseUrl: string;
  nats: NatsConnection;
  logger: Logger;
  replicas: readonly Replica[];
  handlers: SubscriberOptions['handlers'];
  store: RebuildStore;
}

/**
 * Brings rebuilds forward, step by step; each step can be done again after a kill. Of all instances of the subscriber one does
 * so at a time, by a lock that ends with its connection. It has none while nothing is to be done.
 */
export class Rebuilder {
  readonly #parts: RebuilderParts;
  readonly #loop: Loop;
  readonly #wakeup = new Wakeup();
  #session: Session | undefined;
  #isNeeded = false;

  constructor(parts: RebuilderParts) {
    this.#parts = parts;
    this.#loop = new Loop({
      runOnce: (signal) => this.#runOnce(signal),
      onError: (error) => this.#onError(error),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** There may be something to do. */
  wake(): void {
    if (!this.#isNeeded) this.#wakeup.ring();
    this.#isNeeded = true;
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#wakeup.ring();
    await stopped;
    await this.#close();
  }

  async #runOnce(signal: AbortSignal): Promise<Round> {
    if (!this.#isNeeded) {
      await this.#wakeup.sleep(60_000, signal);
      return { next: 'now' };
    }
    const session = await this.#locked();
    if (session === undefined) {
      await this.#wakeup.sleep(OTHERS_MS, signal);
      return { next: 'now' };
    }
    const rows = await this.#parts.store.open(session.client);
    for (const row of rows) await this.#stepOrNote(session, row);
    if (rows.length > 0) await this.#wakeup.sleep(LOOK_MS, signal);
    else await this.#rest();
    return { next: 'now' };
  }

  async #rest(): Promise<void> {
    this.#isNeeded = false;
    await this.#close();
  }

  /** Undefined: another instance does it. */
  async #locked(): Promise<Session | undefined> {
    if (this.#session !== undefined) {
      this.#session.check();
      return this.#session;
    }
    const { databaseUrl, name, instance, logger } = this.#parts;
    const session = await Session.open(databaseUrl, `banyan-subscriber ${instance} ${name}`, logger);
    const { rows } = await session.client.query<{ locked: boolean }>(LOCK, [name]);
    if (rows[0]?.locked !== true) {
      await session.close();
      return undefined;
    }
    this.#session = session;
    return session;
  }

  /** What keeps one rebuild from going on is told there; a broken connection is everybody's. */
  async #stepOrNote(session: Session, row: RebuildRow): Promise<void> {
    try {
      await this.#step(session, row);
    } catch (error) {
      session.check();
      await this.#parts.store.note(session.client, row.id, { error: messageOf(error) });
    }
  }

  async #step(session: Session, row: RebuildRow): Promise<void> {
    if (row.state === 'building') await this.#build(session, row);
    else if (row.state === 'swapped') await dropOld(session.client, row);
    else if (row.swap) await this.#swap(session, row);
  }

  async #build({ client }: Session, row: RebuildRow): Promise<void> {
    const { store, name, replicas } = this.#parts;
    const reports: BackfillReport[] = [];
    for (const backfill of row.backfills) reports.push(await this.#backfill(row, backfill));
    if (reports.some(({ state }) => state === 'cancelled')) return abort(client, store, row);
    const waiting = reports.find(({ end }) => end === undefined);
    if (waiting !== undefined) return store.note(client, row.id, said(waiting));
    const ends: BackfillEnd[] = reports.flatMap(({ end }) => end ?? []);
    const behind = await client.query<{ partitions: number }>(BEHIND, [name, JSON.stringify(ends)]);
    const partitions = behind.rows[0]?.partitions ?? 0;
    if (partitions > 0)
      return store.note(client, row.id, {
        doing: `waits until ${partitions} partitions have applied the backfill`,
      });
    const replica = replicas.find(({ options }) => options.table === row.replica);
    if (replica === undefined) throw new Error(`this instance keeps no replica ${row.replica}`);
    await store.note(client, row.id, { doing: 'comparing' });
    const { key, columns } = replica.options;
    await store.noteComparison(
      client,
      row.id,
      await compare(client, { live: row.replica, copy: row.copy, key, columns }),
    );
  }

  async #swap({ client }: Session, row: RebuildRow): Promise<void> {
    const { store, logger, name, handlers } = this.#parts;
    const doing = await obstacleNow(client, row);
    if (doing !== undefined) return store.note(client, row.id, { doing });
    await swap(client, store, { row, mended: aggregatesOnlyOf(row, handlers) });
    logger.info('swapped a rebuilt replica in', { subscriber: name, replica: row.replica, old: row.old });
  }

  /** Begins it, or finds it: the id is ours. */
  async #backfill(
    { requested_by: by }: RebuildRow,
    { source, aggregate, id }: RebuildRow['backfills'][number],
  ): Promise<BackfillReport> {
    const task = JSON.stringify({ do: 'start', aggregate, id, by: `rebuild by ${by}`.slice(0, 200) });
    const asked = this.#parts.nats.request(backfillSubjectOf(source), task, { timeout: 5000 });
    const reply = await asked.catch((cause: unknown) => {
      throw new BanyanError('BANYAN_BACKFILL_UNREACHABLE', `no process of ${source} answers`, { cause });
    });
    const answer = reply.json<BackfillAnswer>();
    if ('result' in answer) return answer.result;
    throw new BanyanError('BANYAN_BACKFILL_REFUSED', answer.error.message);
  }

  async #onError(error: unknown): Promise<Round> {
    this.#parts.logger.warn('a rebuild will go on later', {
      subscriber: this.#parts.name,
      error: messageOf(error),
    });
    await this.#close();
    return { next: 'after', delayMs: 1000 };
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
  }
}

/** What a backfill is at, and what it waits for. */
function said(report: BackfillReport): { doing: string; error?: string } {
  const { source, aggregate, state, emitted, estimated, slowedBy, waitsFor, lastError } = report;
  const of = estimated === undefined ? '' : ` of about ${Math.max(emitted, estimated)}`;
  const older = waitsFor.map(({ pid, application }) => `${pid ?? ''} ${application}`).join('; ');
  const because = older === '' ? slowedBy : `waits for older transactions: ${older}`;
  const doing = `backfill of ${source}/${aggregate} ${state}: ${emitted}${of} rows${because === undefined ? '' : `, ${because}`}`;
  return state === 'failed' && lastError !== undefined ? { doing, error: lastError } : { doing };
}
