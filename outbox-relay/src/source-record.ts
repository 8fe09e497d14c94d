import { BanyanError } from '@banyan/runtime';
import type { ClientBase } from 'pg';

/** What the database says of itself as a source. */
export interface SourceRecord {
  epoch: number;
  /** Coarse: everything up to it was acknowledged by the stream, perhaps more. */
  ackedN: number;
  ackedTick: number;
  timeline: number;
}

const SCHEMA_EXISTS = `select to_regclass('banyan.source') is not null as exists`;

// A durable write before anything is published: once it is committed, with the session's synchronous_commit, so is every
// tick that an earlier relay recorded, also one whose wait for a standby was cancelled.
const CLAIM = `
update banyan.source
set name = coalesce(name, $1), led_by = $2, led_since = clock_timestamp(),
    system_identifier = (select system_identifier from pg_control_system()),
    timeline = ('x' || lpad(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), 16, '0'))::bit(64)::bigint::integer
where name is null or name = $1
returning epoch, acked_n, acked_tick, timeline`;

const NOTE_ACKED = `update banyan.source set acked_tick = $1, acked_n = $2 where acked_n < $2`;

/**
 * Claims the source for this relay, giving the database its name as a source if it has none.
 * @throws BanyanError BANYAN_SCHEMA_MISSING, or BANYAN_SOURCE_MISMATCH if it is another source's database
 */
export async function claimSource(client: ClientBase, source: string, relay: string): Promise<SourceRecord> {
  const { rows: found } = await client.query<{ exists: boolean }>(SCHEMA_EXISTS);
  if (found[0]?.exists !== true) {
    throw new BanyanError('BANYAN_SCHEMA_MISSING', `the database of source ${source} has no outbox`);
  }
  interface Row {
    epoch: number;
    acked_n: string;
    acked_tick: string;
    timeline: number;
  }
  const { rows } = await client.query<Row>(CLAIM, [source, relay]);
  const [row] = rows;
  if (row === undefined) {
    throw new BanyanError(
      'BANYAN_SOURCE_MISMATCH',
      `this database is another source's, not that of ${source}`,
    );
  }
  return {
    epoch: row.epoch,
    ackedN: Number(row.acked_n),
    ackedTick: Number(row.acked_tick),
    timeline: row.timeline,
  };
}

/** Notes how far the stream has acknowledged. */
export async function noteAcked(client: ClientBase, acked: { tick: number; n: number }): Promise<void> {
  await client.query({ name: 'banyan_note_acked', text: NOTE_ACKED, values: [acked.tick, acked.n] });
}
