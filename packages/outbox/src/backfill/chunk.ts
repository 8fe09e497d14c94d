import { BACKFILL_HEADER } from '@banyan/contracts';
import { messageOf } from '@banyan/runtime';
import { escapeLiteral, type PoolClient, type QueryResult } from 'pg';
import { invalid, type Snapshot, type SnapshotKeys, type Snapshots } from './snapshots.js';

const EMIT = `
select count(banyan.emit($1, s.id, $2, s.payload, s.version, $3))
from unnest($4::text[], $5::bytea[], $6::bigint[]) as s (id, payload, version)`;

// Its rows are not locked for the time that a disk takes: the relay publishes nothing before the commit of its tick is on disk,
// and the log comes in order, so that a crash of the server takes back snapshots and cursor together, unseen.
const begin = ({ id, holder, lockTimeoutMs }: ChunkParts): string => `
begin isolation level read committed;
set local synchronous_commit = off; set local statement_timeout = '30s'; set local lock_timeout = ${lockTimeoutMs};
select after_key from banyan.backfill
where id = ${escapeLiteral(id)} and held_by = ${escapeLiteral(holder)} and state = 'running' for no key update`;

const moveAndCommit = ({ id, leaseMs }: ChunkParts, keys: readonly string[][], isLast: boolean): string => `
update banyan.backfill set emitted = emitted + ${keys.length}, updated_at = clock_timestamp(),
  slowed_by = null, last_error = null, held_until = clock_timestamp() + interval '${leaseMs} ms'
  ${keys.length === 0 ? '' : `, after_key = ${arrayOf(keys.at(-1) ?? [])}, last_xid = pg_current_xact_id()`}
  ${isLast ? `, state = 'done', ended_at = clock_timestamp()` : ''}
where id = ${escapeLiteral(id)}; commit`;

const arrayOf = (texts: readonly string[]): string =>
  `array[${texts.map((text) => escapeLiteral(text)).join(', ')}]`;

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
  try {
    return await emitWithin(tx, rows, parts);
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

/** What can be said together is: under load a round trip costs more than the rows. */
async function emitWithin(tx: PoolClient, limit: number, parts: ChunkParts): Promise<ChunkOutcome> {
  const begun: unknown = await tx.query(begin(parts));
  const [state] = (begun as QueryResult<{ after_key: string[] | null }>[]).at(-1)?.rows ?? [];
  if (state === undefined) {
    await tx.query('rollback');
    return { is: 'lost' };
  }
  const after = state.after_key ?? [];
  const locked = await tx.query<{ key: string[] }>(parts.lockSql(after.length === 0), [limit, ...after]);
  const keys = locked.rows.map(({ key }) => key);
  if (keys.length > 0) await emitAll(tx, keys, parts);
  // A row that is deleted while it is waited for does not count against the limit, so fewer means that there are no more.
  const isLast = keys.length < limit;
  await tx.query(moveAndCommit(parts, keys, isLast));
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
