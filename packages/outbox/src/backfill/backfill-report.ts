import type { BackfillReport } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';
import { readEnd } from './backfill-end.js';
import type { BackfillRow } from './backfill-store.js';

/** What is told of a backfill. `started`: by this very request. */
export async function reportOf(
  db: Queryable,
  row: BackfillRow,
  { source, started }: { source: string; started: boolean },
): Promise<BackfillReport> {
  const end = row.state === 'done' ? await readEnd(db, source, row.last_xid) : undefined;
  return {
    id: row.id,
    source,
    aggregate: row.aggregate,
    state: row.state,
    started,
    waitsFor: row.waits.map(({ pid, application, ageMs }) => ({
      application,
      ...(pid === null ? {} : { pid }),
      ...(typeof ageMs === 'number' ? { ageMs } : {}),
    })),
    emitted: Number(row.emitted),
    ...(row.estimated === null ? {} : { estimated: Number(row.estimated) }),
    rowsPerSecond: row.rows_per_second,
    ...(row.slowed_by === null ? {} : { slowedBy: row.slowed_by }),
    requestedBy: row.requested_by,
    requestedAt: row.requested_at.toISOString(),
    ...(row.begun_at === null ? {} : { begunAt: row.begun_at.toISOString() }),
    updatedAt: row.updated_at.toISOString(),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at.toISOString() }),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
    ...(end === undefined ? {} : { end }),
  };
}
