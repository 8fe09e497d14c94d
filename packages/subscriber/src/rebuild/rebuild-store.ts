import type { Comparison, RebuildReport } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';

const COLUMNS = `id, subscriber, replica, copy, old, backfills, state, swap, drop_old, old_dropped, doing, comparison,
  waits_for, last_error, requested_by, requested_at, ended_at`;

const OPEN = `select ${COLUMNS} from banyan.rebuild
where subscriber = $1 and (state in ('building', 'ready') or (state = 'swapped' and drop_old and not old_dropped))
order by requested_at`;

const HAS_OPEN = `select exists (${OPEN}) as open`;

const LATEST = `select ${COLUMNS} from banyan.rebuild where subscriber = $1 and replica = $2 order by requested_at desc limit 1`;

const INSERT = `
insert into banyan.rebuild (id, subscriber, replica, copy, old, backfills, swap, drop_old, requested_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning id`;

const NOTE = `update banyan.rebuild set doing = $2, last_error = $3, updated_at = clock_timestamp()
where id = $1 and (doing, last_error) is distinct from ($2::text, $3::text)`;

// A transaction that is open now may have a snapshot of a time when the copy was not complete.
const COMPARED = `
update banyan.rebuild set state = 'ready', comparison = $2, doing = null, last_error = null, updated_at = clock_timestamp(),
  waits_for = array(select l.virtualtransaction from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'virtualxid' and a.datname = current_database() and l.pid <> pg_backend_pid()
      and coalesce(a.backend_type, '') not in ('autovacuum worker', 'walsender'))
where id = $1 and state = 'building'`;

const ASK_SWAP = `update banyan.rebuild set swap = swap or $3, drop_old = drop_old or $4, updated_at = clock_timestamp()
where subscriber = $1 and replica = $2 and state in ('building', 'ready', 'swapped')`;

/** A rebuild as its row tells. */
export interface RebuildRow {
  id: string;
  subscriber: string;
  replica: string;
  copy: string;
  old: string;
  backfills: { source: string; aggregate: string; id: string }[];
  state: RebuildReport['state'];
  swap: boolean;
  drop_old: boolean;
  old_dropped: boolean;
  doing: string | null;
  comparison: Comparison | null;
  waits_for: string[] | null;
  last_error: string | null;
  requested_by: string;
  requested_at: Date;
  ended_at: Date | null;
}

export type NewRebuild = Pick<
  RebuildRow,
  'id' | 'replica' | 'copy' | 'old' | 'backfills' | 'swap' | 'drop_old' | 'requested_by'
>;

/** `banyan.rebuild`, for one subscriber. */
export class RebuildStore {
  readonly #subscriber: string;

  constructor(subscriber: string) {
    this.#subscriber = subscriber;
  }

  /** Those with something left to do. */
  async open(db: Queryable): Promise<RebuildRow[]> {
    return (await db.query<RebuildRow>(OPEN, [this.#subscriber])).rows;
  }

  async hasOpen(db: Queryable): Promise<boolean> {
    return (await db.query<{ open: boolean }>(HAS_OPEN, [this.#subscriber])).rows[0]?.open === true;
  }

  async latest(db: Queryable, replica: string): Promise<RebuildRow | undefined> {
    return (await db.query<RebuildRow>(LATEST, [this.#subscriber, replica])).rows[0];
  }

  /** False: one is open already. In the caller's transaction, under the locks of all positions. */
  async insert(tx: Queryable, made: NewRebuild): Promise<boolean> {
    const { id, replica, copy, old, backfills, swap, drop_old: dropOld, requested_by: by } = made;
    const values = [id, this.#subscriber, replica, copy, old, JSON.stringify(backfills), swap, dropOld, by];
    return (await tx.query(INSERT, values)).rows.length > 0;
  }

  async note(db: Queryable, id: string, said: { doing?: string; error?: string }): Promise<void> {
    await db.query(NOTE, [id, said.doing ?? null, said.error ?? null]);
  }

  async noteComparison(db: Queryable, id: string, comparison: Comparison): Promise<void> {
    await db.query(COMPARED, [id, JSON.stringify(comparison)]);
  }

  async askSwap(db: Queryable, replica: string, asked: { swap: boolean; dropOld: boolean }): Promise<void> {
    await db.query(ASK_SWAP, [this.#subscriber, replica, asked.swap, asked.dropOld]);
  }

  /**
   * Keeps every instance from applying anything until the caller's transaction ends, so that each batch is wholly before or
   * wholly after what it does.
   */
  async lockPositions(tx: Queryable): Promise<void> {
    await tx.query(
      'select from banyan.position where subscriber = $1 order by source, partition for update',
      [this.#subscriber],
    );
  }

  /** Takes up the newest histories that were heard of, where something of an earlier one was applied. */
  async acceptEpochs(tx: Queryable, epochs: readonly { source: string; epoch: number }[]): Promise<void> {
    for (const { source, epoch } of epochs)
      await tx.query(
        'update banyan.subscription set accepts_epoch = $3 where subscriber = $1 and source = $2 and coalesce(accepts_epoch, 0) < $3',
        [this.#subscriber, source, epoch],
      );
  }
}

export function rebuildReportOf(row: RebuildRow): RebuildReport {
  const { id, subscriber, replica, copy, old, state } = row;
  return {
    ...{ id, subscriber, replica, copy, old, state, oldDropped: row.old_dropped },
    ...(row.doing === null ? {} : { doing: row.doing }),
    ...(row.comparison === null ? {} : { comparison: row.comparison }),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
    requestedBy: row.requested_by,
    requestedAt: row.requested_at.toISOString(),
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at.toISOString() }),
  };
}
