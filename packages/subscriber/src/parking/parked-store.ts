import { headers, type MsgHdrs } from '@nats-io/nats-core';
import type { ClientBase } from 'pg';
import type { IncomingEvent } from '../incoming-event.js';

export interface ParkedAggregate {
  aggregate: string;
  aggregateId: string;
}

/** The first event of a parked key. */
export interface ParkedHead {
  event: IncomingEvent;
  /** More wait behind it. */
  more: boolean;
}

/** What is written of an attempt that failed. */
export interface FailedAttempt {
  error: string;
  /** Undefined: no more attempts; a person decides. */
  retryInMs: number | undefined;
}

/** In one text, as a key of maps: `project/p1`. */
export const nameOfKey = ({ aggregate, aggregateId }: ParkedAggregate): string =>
  `${aggregate}/${aggregateId}`;

// Of skipped keys nothing waits.
const BLOCKED = `
select aggregate, aggregate_id as "aggregateId" from banyan.parked_key
where subscriber = $1 and source = $2 and partition = any($3) and state <> 'skipped'`;

const QUEUE = `
insert into banyan.parked_event (subscriber, source, epoch, n, partition, aggregate, aggregate_id, type, event_id, version,
  emitted_at, headers, payload)
select $1, $2, * from unnest($3::integer[], $4::bigint[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::text[],
  $10::bigint[], $11::timestamptz[], $12::jsonb[], $13::bytea[])`;

const PARK = `
insert into banyan.parked_key as k (subscriber, source, aggregate, aggregate_id, partition, state, attempts, last_error,
  next_attempt_at)
values ($1, $2, $3, $4, $5, $6, 1, $7, now() + $8 * interval '1 ms')
on conflict (subscriber, source, aggregate, aggregate_id) do update set state = excluded.state, attempts = 1,
  last_error = excluded.last_error, next_attempt_at = excluded.next_attempt_at, since = now()
returning (xmax = 0) as new`;

const COUNT = `select count(*)::integer as keys from banyan.parked_key where subscriber = $1 and state <> 'skipped'`;

const HEAD = `
select e.*, k.attempts from banyan.parked_event e
join banyan.parked_key k using (subscriber, source, aggregate, aggregate_id)
where (e.subscriber, e.source, e.aggregate, e.aggregate_id) = ($1, $2, $3, $4)
  and k.state = 'retrying' and k.next_attempt_at <= now()
order by e.epoch, e.n limit 2`;

const WAITING = `
select e.*, 0 as attempts from banyan.parked_event e where subscriber = $1 and source = $2 order by epoch, n`;

const FAILED = `
update banyan.parked_key set attempts = attempts + 1, last_error = $5, state = $6,
  next_attempt_at = now() + $7 * interval '1 ms'
where (subscriber, source, aggregate, aggregate_id) = ($1, $2, $3, $4)`;

const DONE = `delete from banyan.parked_event where subscriber = $1 and source = $2 and epoch = $3 and n = $4`;

const NEXT = `
update banyan.parked_key set attempts = 0, last_error = null, next_attempt_at = now()
where (subscriber, source, aggregate, aggregate_id) = ($1, $2, $3, $4)`;

const KEEP_AS_SKIPPED = `
update banyan.parked_key set attempts = 0, last_error = null, next_attempt_at = null, state = 'skipped'
where (subscriber, source, aggregate, aggregate_id) = ($1, $2, $3, $4) and skipped`;

const FREE = `
delete from banyan.parked_key where (subscriber, source, aggregate, aggregate_id) = ($1, $2, $3, $4) and not skipped`;

/**
 * The keys that are set aside, with their events. Everything here runs in a transaction that holds the lock of the
 * partition's position; a rollback leaves the queue as it was.
 */
export class ParkedStore {
  readonly #key: [subscriber: string, source: string];

  constructor(subscriber: string, source: string) {
    this.#key = [subscriber, source];
  }

  /** The keys of these partitions whose events must queue. */
  async blocked(tx: ClientBase, partitions: readonly number[]): Promise<Set<string>> {
    const { rows } = await tx.query<ParkedAggregate>(BLOCKED, [...this.#key, partitions]);
    return new Set(rows.map(nameOfKey));
  }

  async queue(tx: ClientBase, events: readonly IncomingEvent[]): Promise<void> {
    if (events.length === 0) return;
    const column = <T>(read: (event: IncomingEvent) => T): T[] => events.map(read);
    await tx.query(QUEUE, [
      ...this.#key,
      column(({ epoch }) => epoch),
      column(({ n }) => n),
      column(({ partition }) => partition),
      column(({ aggregate }) => aggregate),
      column(({ aggregateId }) => aggregateId),
      column(({ type }) => type),
      column(({ eventId }) => eventId),
      column(({ version }) => version),
      column(({ time }) => time),
      column((event) => JSON.stringify([...event.headers])),
      column(({ payload }) => Buffer.from(payload)),
    ]);
  }

  /** Sets the event's key aside, the event first in its queue. True if the key was not among the held ones before. */
  async park(tx: ClientBase, event: IncomingEvent, { error, retryInMs }: FailedAttempt): Promise<boolean> {
    const { aggregate, aggregateId, partition } = event;
    const state = retryInMs === undefined ? 'parked' : 'retrying';
    const values = [...this.#key, aggregate, aggregateId, partition, state, error, retryInMs];
    const { rows } = await tx.query<{ new: boolean }>(PARK, values);
    await this.queue(tx, [event]);
    return rows[0]?.new === true;
  }

  /** Keys that wait, of all sources of the subscriber. */
  async count(tx: ClientBase): Promise<number> {
    const { rows } = await tx.query<{ keys: number }>(COUNT, [this.#key[0]]);
    return rows[0]?.keys ?? 0;
  }

  /** The first event of the key, if its time has come. */
  async head(tx: ClientBase, key: ParkedAggregate): Promise<ParkedHead | undefined> {
    const { rows } = await tx.query<ParkedRow>(HEAD, this.#with(key));
    const [first, second] = rows;
    return first === undefined ? undefined : { event: eventOf(first), more: second !== undefined };
  }

  /** All events that wait, in order. */
  async waiting(db: ClientBase): Promise<IncomingEvent[]> {
    const { rows } = await db.query<ParkedRow>(WAITING, this.#key);
    return rows.map(eventOf);
  }

  async failed(tx: ClientBase, key: ParkedAggregate, { error, retryInMs }: FailedAttempt): Promise<void> {
    const state = retryInMs === undefined ? 'parked' : 'retrying';
    await tx.query(FAILED, [...this.#with(key), error, state, retryInMs]);
  }

  /** Takes the applied head away. True if the key is free with it, and no longer held. */
  async done(tx: ClientBase, { event, more }: ParkedHead): Promise<boolean> {
    await tx.query(DONE, [...this.#key, event.epoch, event.n]);
    if (more) {
      await tx.query(NEXT, this.#with(event));
      return false;
    }
    await tx.query(KEEP_AS_SKIPPED, this.#with(event));
    return (await tx.query(FREE, this.#with(event))).rowCount === 1;
  }

  #with({ aggregate, aggregateId }: ParkedAggregate): string[] {
    return [...this.#key, aggregate, aggregateId];
  }
}

interface ParkedRow {
  source: string;
  epoch: number;
  n: string;
  partition: number;
  aggregate: string;
  aggregate_id: string;
  type: string;
  event_id: string;
  version: string | null;
  emitted_at: Date;
  headers: [name: string, values: string[]][];
  payload: Buffer;
  attempts: number;
}

function eventOf(row: ParkedRow): IncomingEvent {
  const { source, epoch, partition, aggregate, type, payload } = row;
  return {
    source,
    epoch,
    n: Number(row.n),
    // It was judged when it came.
    prevN: 0,
    partition,
    aggregate,
    aggregateId: row.aggregate_id,
    type,
    eventId: row.event_id,
    version: row.version === null ? undefined : Number(row.version),
    time: row.emitted_at,
    headers: headersOf(row.headers),
    payload,
    sequence: 0,
    attempt: row.attempts + 1,
  };
}

function headersOf(written: ParkedRow['headers']): MsgHdrs {
  const read = headers();
  for (const [name, values] of written) for (const value of values) read.append(name, value);
  return read;
}
