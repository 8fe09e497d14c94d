import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ClientBase } from 'pg';
import type { Identity } from '../source-record.js';
import { copyStream } from './stream-table.js';

/** The new epoch, as decided. */
export interface Decision {
  source: string;
  epoch: number;
  /** The tick that it begins with, and the number that its positions go on after. */
  baseTick: number;
  baseN: number;
  by: string;
  reason: string;
  identity: Identity;
  streamTail: string | undefined;
}

// The transaction's first statement, before it has an id of its own: so the snapshot does not see what it will write.
const SNAPSHOT = `select pg_current_snapshot()::text as snapshot`;

const PLAN_FREELY = `select set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true),
  set_config('enable_sort', 'on', true), set_config('plan_cache_mode', 'auto', true)`;

// Rows that are not in the stream become this transaction's, which the base snapshot does not see: so the first tick after
// it has them, in the order of seq. What the stream once held and let expire is not published again.
const REPUBLISH = `
update outbox o set xid = pg_current_xact_id()
where not exists (select from stream_message m where m.event_id = o.event_id)
  and ($1::timestamptz is null or o.emitted_at >= $1)`;

// In a logical copy the rows' transaction ids are another server's. Visible they are, so let them count as seen.
const FREEZE = `
update outbox set xid = '3'
where xid <> pg_current_xact_id() and not pg_visible_in_snapshot(xid, $1::pg_snapshot)`;

const INSERT_BASE = `
insert into tick (tick, snapshot, first_n, events, heads, taken_at)
values ($1, $2::pg_snapshot, $3::bigint + 1, 0, array_fill(0::bigint, array[64]), statement_timestamp())`;

const FORGET = `
with ticks as (delete from tick where tick < $1), marks as (delete from acked_mark where tick < $1)
update source
set name = $2, epoch = $3, system_identifier = $4, timeline = $5, acked_tick = $1, acked_n = $6, retained_after_tick = $1,
  led_by = null, led_since = null`;

const INSERT_EPOCH = `
insert into epoch
  (epoch, base_tick, base_n, decided_by, reason, system_identifier, timeline, stream_tail, republished)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

// Logical replication does not carry sequences over: the next rows would collide with those that are there.
const ADVANCE_SEQ = `
select setval(s.seq, m.highest) from (select pg_get_serial_sequence('outbox', 'seq')::regclass as seq) s,
  (select max(seq) as highest from outbox) m
where m.highest > coalesce(pg_sequence_last_value(s.seq), 0)`;

export interface Broker {
  nats: NatsConnection;
  manager: JetStreamManager;
  /** Undefined: there is no stream. */
  stream: StreamInfo | undefined;
}

/**
 * Begins the epoch in one transaction: a base tick with the snapshot of now takes the place of all earlier ones; retained
 * rows that the stream does not hold are laid after it. Writers are not stopped: what they commit later comes after it too.
 * @returns how many retained events will be published again
 */
export async function rebase(client: ClientBase, broker: Broker, decision: Decision): Promise<number> {
  await client.query('begin isolation level repeatable read');
  try {
    const { rows } = await client.query<{ snapshot: string }>(SNAPSHOT);
    await client.query(PLAN_FREELY);
    await copyOrNothing(client, broker, decision.source);
    const republished = await client.query(REPUBLISH, [expiredBefore(broker.stream)]);
    await client.query(FREEZE, [rows[0]?.snapshot]);
    await write(client, decision, { snapshot: rows[0]?.snapshot, republished: republished.rowCount ?? 0 });
    await client.query('commit');
    return republished.rowCount ?? 0;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function copyOrNothing(client: ClientBase, broker: Broker, source: string): Promise<void> {
  if (broker.stream !== undefined) return copyStream(client, broker, source);
  await client.query('create temp table stream_message (event_id uuid) on commit drop');
}

/** Messages older than this have left the stream; null if none ever has. */
function expiredBefore(stream: StreamInfo | undefined): string | null {
  if (stream === undefined || stream.state.first_seq <= 1) return null;
  return stream.state.messages > 0 ? stream.state.first_ts : stream.state.last_ts;
}

async function write(
  client: ClientBase,
  decision: Decision,
  found: { snapshot: string | undefined; republished: number },
): Promise<void> {
  const { source, epoch, baseTick, baseN, by, reason, identity, streamTail } = decision;
  const { systemIdentifier, timeline } = identity;
  await client.query(INSERT_BASE, [baseTick, found.snapshot, baseN]);
  await client.query(FORGET, [baseTick, source, epoch, systemIdentifier, timeline, baseN]);
  const entry = [epoch, baseTick, baseN, by, reason, systemIdentifier, timeline, streamTail ?? null];
  await client.query(INSERT_EPOCH, [...entry, found.republished]);
  await client.query(ADVANCE_SEQ);
}
