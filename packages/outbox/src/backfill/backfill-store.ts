import type { BackfillState, BackfillWait } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';

const COLUMNS = `b.id, b.aggregate, b.state, b.emitted, b.estimated, b.rows_per_second, b.slowed_by, b.requested_by,
  b.requested_at, b.begun_at, b.updated_at, b.ended_at, b.last_error, b.last_xid::text,
  (select coalesce(json_agg(json_build_object('pid', t.pid, 'application', t.application,
      'ageMs', floor(extract(epoch from clock_timestamp() - t.since) * 1000))), '[]')
    from banyan.open_transaction t where t.transaction = any (b.waits_for)) as waits`;

const START = `
insert into banyan.backfill (id, aggregate, rows_per_second, requested_by, waits_for)
select $1, $2, $3, $4, coalesce(array_agg(transaction), '{}') from banyan.open_transaction
on conflict do nothing returning id`;

const FIND = `select ${COLUMNS} from banyan.backfill b where b.id = $1`;

/** An open one first: there is at most one. */
const LATEST = `
select ${COLUMNS} from banyan.backfill b where b.aggregate = $1
order by b.state in ('running', 'paused', 'failed') desc, b.requested_at desc limit 1`;

const MOVE = `
update banyan.backfill set state = $2, updated_at = clock_timestamp(), slowed_by = null, held_by = null,
  ended_at = case when $2 = 'cancelled' then clock_timestamp() end,
  last_error = case when $2 = 'running' then null else last_error end
where aggregate = $1 and state = any ($3)`;

// Whoever finds the row locked leaves it to the other.
const TAKE = `
update banyan.backfill set held_by = $2, held_until = clock_timestamp() + $3 * interval '1 ms'
where id = (
  select id from banyan.backfill
  where state = 'running' and aggregate = any ($1)
    and (held_by is null or held_by = $2 or held_until < clock_timestamp())
  order by requested_at limit 1 for update skip locked)
returning id, aggregate, rows_per_second, begun_at is not null as begun, banyan.shards() as shards,
  extract(epoch from clock_timestamp()) * 1000 as now_ms`;

const WAIT = `
update banyan.backfill b set waits_for = still.transactions, updated_at = clock_timestamp(),
  held_until = clock_timestamp() + $3 * interval '1 ms',
  begun_at = case when cardinality(still.transactions) = 0 then clock_timestamp() end,
  estimated = (
    select nullif(greatest(c.reltuples, coalesce(s.n_live_tup, 0)), 0)::bigint
    from pg_class c left join pg_stat_all_tables s on s.relid = c.oid where c.oid = to_regclass($4))
from (
  select coalesce(array_agg(transaction), '{}') as transactions from banyan.open_transaction
  where transaction = any ((select waits_for from banyan.backfill where id = $1)::text[])) still
where b.id = $1 and b.held_by = $2 and b.state = 'running'
returning b.begun_at is not null as begun`;

const SLOW = `
update banyan.backfill set slowed_by = $3, updated_at = clock_timestamp(), held_until = clock_timestamp() + $4 * interval '1 ms'
where id = $1 and held_by = $2 and state = 'running'`;

const FAIL = `
update banyan.backfill set state = 'failed', last_error = $3, updated_at = clock_timestamp(), held_by = null
where id = $1 and held_by = $2 and state = 'running'`;

const NOTE_ERROR = `update banyan.backfill set last_error = $3, updated_at = clock_timestamp() where id = $1 and held_by = $2`;

const RELEASE = `update banyan.backfill set held_by = null where held_by = $1`;

/** A backfill as its row tells. */
export interface BackfillRow {
  id: string;
  aggregate: string;
  state: BackfillState;
  emitted: string;
  estimated: string | null;
  rows_per_second: number;
  slowed_by: string | null;
  requested_by: string;
  requested_at: Date;
  begun_at: Date | null;
  updated_at: Date;
  ended_at: Date | null;
  last_error: string | null;
  last_xid: string | null;
  waits: { pid: number | null; application: string; ageMs: BackfillWait['ageMs'] | null }[];
}

/** A backfill that this process works on. */
export interface HeldBackfill {
  id: string;
  aggregate: string;
  rowsPerSecond: number;
  /** False: older transactions are still awaited. */
  begun: boolean;
  shards: number;
  /** The database's clock, in ms since 1970. */
  nowMs: number;
}

/** `banyan.backfill`, but for what a chunk's transaction does with it. */
export class BackfillStore {
  readonly #db: Queryable;
  readonly #holder: string;

  /** @param holder names this process among those of the source */
  constructor(db: Queryable, holder: string) {
    this.#db = db;
    this.#holder = holder;
  }

  /** Makes a backfill. False: one of that id or an open one of that aggregate is there. */
  async start(asked: { id: string; aggregate: string; rowsPerSecond: number; by: string }): Promise<boolean> {
    const values = [asked.id, asked.aggregate, asked.rowsPerSecond, asked.by];
    return (await this.#db.query(START, values)).rows.length > 0;
  }

  async find(id: string): Promise<BackfillRow | undefined> {
    return (await this.#db.query<BackfillRow>(FIND, [id])).rows[0];
  }

  async latest(aggregate: string): Promise<BackfillRow | undefined> {
    return (await this.#db.query<BackfillRow>(LATEST, [aggregate])).rows[0];
  }

  /** Moves the aggregate's backfill to another state, if it is in one of those given. */
  async move(aggregate: string, to: BackfillState, from: readonly BackfillState[]): Promise<void> {
    await this.#db.query(MOVE, [aggregate, to, from]);
  }

  /** Takes, or keeps, the oldest one that nobody else works on. */
  async take(aggregates: readonly string[], leaseMs: number): Promise<HeldBackfill | undefined> {
    const { rows } = await this.#db.query<{
      id: string;
      aggregate: string;
      rows_per_second: number;
      begun: boolean;
      shards: number;
      now_ms: string;
    }>(TAKE, [aggregates, this.#holder, leaseMs]);
    const [row] = rows;
    if (row === undefined) return undefined;
    const { id, aggregate, rows_per_second: rowsPerSecond, begun, shards, now_ms: nowMs } = row;
    return { id, aggregate, rowsPerSecond, begun, shards, nowMs: Number(nowMs) };
  }

  /** Looks which older transactions have ended. True: all have, and it has begun. */
  async awaitOlder(id: string, table: string, leaseMs: number): Promise<boolean> {
    const { rows } = await this.#db.query<{ begun: boolean }>(WAIT, [id, this.#holder, leaseMs, table]);
    return rows[0]?.begun === true;
  }

  /** Says why nothing goes on for now, and keeps it. */
  async noteSlow(id: string, why: string, leaseMs: number): Promise<void> {
    await this.#db.query(SLOW, [id, this.#holder, why, leaseMs]);
  }

  /** Stops it until somebody has corrected what is wrong. */
  async fail(id: string, error: string): Promise<void> {
    await this.#db.query(FAIL, [id, this.#holder, error]);
  }

  async noteError(id: string, error: string): Promise<void> {
    await this.#db.query(NOTE_ERROR, [id, this.#holder, error]);
  }

  /** Leaves what it holds to others. */
  async release(): Promise<void> {
    await this.#db.query(RELEASE, [this.#holder]);
  }
}
