import { BACKFILL_HEADER } from '@banyan/contracts';
import { messageOf } from '@banyan/runtime';
import type { PoolClient } from 'pg';
import { invalid, type Snapshot, type SnapshotKeys, type Snapshots } from './snapshots.js';

const STATE = `
select after_key from banyan.backfill where id = $1 and held_by = $2 and state = 'running' for no key update`;

const EMIT = `
select count(banyan.emit($1, s.id, $2, s.payload, s.version, $3))
from unnest($4::text[], $5::bytea[], $6::bigint[]) as s (id, payload, version)`;

const MOVE = `
update banyan.backfill set emitted = emitted + $2, updated_at = clock_timestamp(), slowed_by = null, last_error = null,
  after_key = coalesce($3, after_key), held_until = clock_timestamp() + $4 * interval '1 ms',
  last_xid = case when $2 > 0 then pg_current_xact_id() else last_xid end,
  state = case when $5 then 'done' else state end,
  ended_at = case when $5 then clock_timestamp() end
where id = $1`;

export interface ChunkParts {
  id: string;
  holder: string;
  snapshots: Snapshots;
  /** Locks the rows of the next chunk. Parameters: their number, then the key after which they come, if any. */
  lockSql: (isFirst: boolean) => string;
  lockTimeoutMs: number;
  leaseMs: number;
}

/** - emitted: so many rows, and there may be more - done: these were the last - lost: it is another's, or it was paused or ended */
export type ChunkOutcome = { is: 'emitted' | 'done'; rows: number } | { is: 'lost' };

/**
 * Emits the snapshots of the next rows in one short transaction. The rows are locked in one statement and read in a second,
 * whose snapshot is newer than the locks: a writer's change is committed before, and then in the snapshot, or its event comes
 * at a later position. The cursor moves in the same transaction, under a lock, so that a kill neither loses nor doubles.
 */
export async function emitChunk(tx: PoolClient, rows: number, parts: ChunkParts): Promise<ChunkOutcome> {
  await tx.query(
    `begin isolation level read committed; set local lock_timeout = ${parts.lockTimeoutMs}; set local statement_timeout = '30s'`,
  );
  try {
    const outcome = await emitWithin(tx, rows, parts);
    await tx.query('commit');
    return outcome;
  } catch (error) {
    await tx.query('rollback').catch((second: unknown) => {
      throw new AggregateError(
        [error, second],
        `a chunk failed, and so did rolling it back: ${messageOf(error)}`,
      );
    });
    throw error;
  }
}

async function emitWithin(tx: PoolClient, limit: number, parts: ChunkParts): Promise<ChunkOutcome> {
  const found = await tx.query<{ after_key: string[] | null }>(STATE, [parts.id, parts.holder]);
  const [state] = found.rows;
  if (state === undefined) return { is: 'lost' };
  const after = state.after_key ?? [];
  const locked = await tx.query<{ key: string[] }>(parts.lockSql(after.length === 0), [limit, ...after]);
  const keys = locked.rows.map(({ key }) => key);
  if (keys.length > 0) await emitAll(tx, keys, parts);
  // A row that is deleted while it is waited for does not count against the limit, so fewer means that there are no more.
  const isLast = keys.length < limit;
  await tx.query(MOVE, [parts.id, keys.length, keys.at(-1) ?? null, parts.leaseMs, isLast]);
  return { is: isLast ? 'done' : 'emitted', rows: keys.length };
}

async function emitAll(
  tx: PoolClient,
  keys: readonly string[][],
  { id, snapshots }: ChunkParts,
): Promise<void> {
  const { aggregate, type } = snapshots;
  const all = await loadAll(tx, keys, snapshots);
  await tx.query(EMIT, [
    aggregate,
    type,
    { [BACKFILL_HEADER]: id },
    all.map((each) => each.id),
    all.map((each) => Buffer.from(each.payload)),
    all.map((each) => each.version),
  ]);
}

/** @throws BanyanError BANYAN_BACKFILL_INVALID unless there is one snapshot for each row */
async function loadAll(
  tx: PoolClient,
  keys: readonly string[][],
  snapshots: Snapshots,
): Promise<readonly Snapshot[]> {
  const columns: SnapshotKeys = snapshots.key.map((_, column) => keys.map((key) => key[column] ?? ''));
  const all = await snapshots.load(tx, columns);
  const ids = new Set(all.map(({ id }) => id)).size;
  if (ids === keys.length && all.length === keys.length) return all;
  const [first, last] = [keys.at(0)?.join(', '), keys.at(-1)?.join(', ')];
  throw invalid(
    snapshots.aggregate,
    `load gave ${all.length} events of ${ids} aggregates for ${keys.length} rows (${first ?? ''} to ${last ?? ''})`,
  );
}
