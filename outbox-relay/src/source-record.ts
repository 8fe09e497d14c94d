import { BanyanError } from '@banyan/runtime';
import type { ClientBase } from 'pg';

/** What tells one database from all others, copies of it included. */
export interface Identity {
  /** Made by initdb; the same in physical copies, another one in a restored dump or a logical copy. */
  systemIdentifier: string;
  /** Raised by each promotion. */
  timeline: number;
  /** This very server process and database: another one after a restart, and in any copy. */
  instance: string;
}

/** What the database says of itself as a source. */
export interface SourceRecord {
  name: string | undefined;
  epoch: number;
  /** How many shards the source has. */
  shards: number;
  /** Coarse: everything up to it was acknowledged by the stream, perhaps more. */
  ackedN: number;
  ackedTick: number;
  /** The epoch begins after it. */
  baseTick: number;
  /** Of the database as it is. */
  identity: Identity;
  /** Of the database as it was when a relay last led on it; undefined before the first. */
  noted: { systemIdentifier: string; timeline: number } | undefined;
}

const SCHEMA_EXISTS = `select to_regclass('epoch') is not null and to_regproc('banyan.shards') is not null as exists`;

const READ = `
select s.name, s.epoch, banyan.shards() as shards, s.acked_n, s.acked_tick, e.base_tick,
  s.system_identifier::text as noted_system, s.timeline as noted_timeline,
  (select system_identifier::text from pg_control_system()) as system,
  ('x' || lpad(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), 16, '0'))::bit(64)::bigint::integer as timeline,
  extract(epoch from pg_postmaster_start_time())::text || '/' || d.oid as instance
from source s join epoch e using (epoch), pg_database d
where d.datname = current_database()`;

// A durable write before anything is published: once it is committed, with the session's synchronous_commit, so is every
// tick that an earlier relay recorded, also one whose wait for a standby was cancelled.
const CLAIM = `
update source
set name = $1, led_by = $2, led_since = clock_timestamp(), system_identifier = $3, timeline = $4
where name is null or name = $1`;

const NOTE_ACKED = `update source set acked_tick = $1, acked_n = $2 where acked_n < $2`;

interface Row {
  name: string | null;
  epoch: number;
  shards: number;
  acked_n: string;
  acked_tick: string;
  base_tick: string;
  noted_system: string | null;
  noted_timeline: number | null;
  system: string;
  timeline: number;
  instance: string;
}

/**
 * Reads the record of the source that this database is, and changes nothing.
 * @throws BanyanError BANYAN_SCHEMA_MISSING, or BANYAN_SOURCE_MISMATCH if it is another source's database
 */
export async function readSource(client: ClientBase, source: string): Promise<SourceRecord> {
  const { rows: found } = await client.query<{ exists: boolean }>(SCHEMA_EXISTS);
  const row = found[0]?.exists === true ? (await client.query<Row>(READ)).rows[0] : undefined;
  if (row === undefined) {
    throw new BanyanError(
      'BANYAN_SCHEMA_MISSING',
      `the database has no outbox of ${source}, or one of an older version`,
    );
  }
  if (row.name !== null && row.name !== source) {
    throw new BanyanError('BANYAN_SOURCE_MISMATCH', `this is the database of ${row.name}, not of ${source}`);
  }
  return recordOf(row);
}

function recordOf(row: Row): SourceRecord {
  const { noted_system: system, noted_timeline: timeline } = row;
  return {
    name: row.name ?? undefined,
    epoch: row.epoch,
    shards: row.shards,
    ackedN: Number(row.acked_n),
    ackedTick: Number(row.acked_tick),
    baseTick: Number(row.base_tick),
    identity: { systemIdentifier: row.system, timeline: row.timeline, instance: row.instance },
    noted: system === null || timeline === null ? undefined : { systemIdentifier: system, timeline },
  };
}

/**
 * @throws BanyanError BANYAN_SHARDS_DIFFER if the database has another number of shards than the relay was told: some of them
 *   might have no relay
 */
export function checkShards(told: { source: string; shards: number }, shards: number): void {
  if (shards === told.shards) return;
  throw new BanyanError(
    'BANYAN_SHARDS_DIFFER',
    `the database of ${told.source} has ${shards} shards, this relay was told ${told.shards}`,
    { remedy: `Start every relay of the source with shards: ${shards}; see docs/relay.md.` },
  );
}

/** Writes down that a relay leads on this database, giving it its name as a source if it has none. */
export async function claimSource(
  client: ClientBase,
  source: string,
  claim: { relay: string; identity: Identity },
): Promise<void> {
  const { systemIdentifier, timeline } = claim.identity;
  await client.query(CLAIM, [source, claim.relay, systemIdentifier, timeline]);
}

/** Notes how far the stream has acknowledged. */
export async function noteAcked(client: ClientBase, acked: { tick: number; n: number }): Promise<void> {
  await client.query({ name: 'banyan_note_acked', text: NOTE_ACKED, values: [acked.tick, acked.n] });
}
