import type { ClientBase } from 'pg';
import { COLUMNS, positioned, type PositionedRow, type SelectedRow } from './positioned-row.js';

/**
 * A tick is a recorded PostgreSQL snapshot; its batch is what became visible between the tick before and this one, by
 * `seq`. That neither skips a transaction that commits late (as `id > last` does) nor stalls behind a long one (as a
 * floor at the oldest running transaction does). Idea: PgQ's ticks.
 */
export interface Tick {
  tick: number;
  /** Position (the n of it) of the batch's first event. */
  firstN: number;
  events: number;
  /** Last position of each partition at the end of the batch. */
  heads: number[];
  lastEventId: string | undefined;
}

/** The last position up to and including this tick's batch. */
export function lastNOf(tick: Tick): number {
  return tick.firstN + tick.events - 1;
}

/** What one look at the outbox found. */
export interface Look {
  /** The newest tick: a new one if events had become visible, else the one before. */
  newest: Tick;
  recorded: boolean;
  /** The new tick's events, if they are few and small; else read them with `readBatch`. */
  rows: PositionedRow[] | undefined;
  /** Everything committed before this is in the ticks: the look's statement time, before its snapshot. ms since 1970. */
  asOfMs: number;
  /** The oldest transaction that was still running. */
  oldestRunningXid: bigint;
  /** The server process that answered; another one than before means that a pooler sits between. */
  backendPid: number;
  /** How many shards the source has by now. */
  shards: number;
}

/** Events of a tick are read along with it if they are at most so many, and so large all together. */
const FEW_EVENTS = 64;
const SMALL_BYTES = 1024 * 1024;

interface TickRow {
  tick: string;
  first_n: string;
  events: string;
  heads: string[];
  last_event_id: string | null;
}

// One statement, so one snapshot for the rows, their count and the recorded snapshot. `tick` is the one before plus one,
// inserted on the primary key: two relays cannot both record it. Nothing is recorded when nothing became visible, so an
// idle source costs no row. It must run in a transaction of its own: what it returns is true only once it is committed.
// A few events are returned with it, which spares them a round trip; only the first row has the heads.
const TAKE_TICK = `
with prev as materialized (
  select tick, snapshot, first_n + events as next_n, heads from tick order by tick desc limit 1
), batch as (
  select seq, partition, octet_length(payload) as bytes from outbox
  where xid >= (select pg_snapshot_xmax(snapshot) from prev)
  union all
  select seq, partition, octet_length(payload) as bytes from outbox
  where xid = any (array(select pg_snapshot_xip(snapshot) from prev))
), head as materialized (
  select partition, max(k) as k, min(seq) as first_seq, max(seq) as last_seq, sum(bytes) as bytes
  from (select seq, partition, bytes, row_number() over (order by seq) as k from batch) numbered
  group by partition
), total as materialized (
  select max(k) as events, min(first_seq) as first_seq, max(last_seq) as last_seq,
    max(k) <= ${FEW_EVENTS} and sum(bytes) <= ${SMALL_BYTES} as is_small
  from head
), recorded as (
  insert into tick (tick, snapshot, first_n, events, heads, first_seq, last_seq, last_event_id, taken_at)
  select prev.tick + 1, pg_current_snapshot(), prev.next_n, total.events,
    array(select coalesce(prev.next_n - 1 + head.k, prev.heads[p + 1])
          from generate_series(0, 63) p left join head on head.partition = p order by p),
    total.first_seq, total.last_seq,
    (select event_id from outbox where seq = total.last_seq), statement_timestamp()
  from prev, total
  where total.events > 0
  returning tick, first_n, events, heads, last_event_id
), small as (
  select ${COLUMNS} from outbox o
  where (select is_small from total) and o.xid >= (select pg_snapshot_xmax(snapshot) from prev)
  union all
  select ${COLUMNS} from outbox o
  where (select is_small from total) and o.xid = any (array(select pg_snapshot_xip(snapshot) from prev))
)
select recorded.tick, recorded.first_n, recorded.events, recorded.last_event_id,
  case when small.seq is null or small.seq = (select first_seq from total) then recorded.heads end as heads,
  floor(extract(epoch from statement_timestamp()) * 1000)::bigint as as_of_ms,
  pg_snapshot_xmin(pg_current_snapshot())::text as oldest_running_xid,
  pg_backend_pid() as backend_pid, banyan.shards() as shards, small.*
from (select 1) one left join recorded on true left join small on true
order by small.seq`;

const READ_TICK = `
select tick, first_n, events, heads, last_event_id from tick where tick = $1`;

const NEWEST_TICK = `
select tick, first_n, events, heads, last_event_id from tick order by tick desc limit 1`;

/**
 * Looks for newly visible events and records them as a tick. When it returns, the tick is committed, and safe to publish.
 *
 * @param newest the newest tick so far, which is returned again when nothing is new
 */
export async function takeTick(client: ClientBase, newest: Tick): Promise<Look> {
  interface Row extends Omit<TickRow, 'tick'>, Omit<SelectedRow, 'seq'> {
    tick: string | null;
    /** Null: the row is of no event. */
    seq: string | null;
    as_of_ms: string;
    oldest_running_xid: string;
    backend_pid: number;
    shards: number;
  }
  const { rows } = await client.query<Row>({ name: 'banyan_take_tick', text: TAKE_TICK });
  const row = one(rows);
  const recorded = row.tick === null ? undefined : tickOf({ ...row, tick: row.tick });
  return {
    newest: recorded ?? newest,
    recorded: recorded !== undefined,
    rows: recorded === undefined ? undefined : rowsOf(rows, recorded),
    asOfMs: Number(row.as_of_ms),
    oldestRunningXid: BigInt(row.oldest_running_xid),
    backendPid: row.backend_pid,
    shards: row.shards,
  };
}

/** A recorded tick; undefined if this database has none of that number. */
export async function readTick(client: ClientBase, tick: number): Promise<Tick | undefined> {
  const { rows } = await client.query<TickRow>({ name: 'banyan_read_tick', text: READ_TICK, values: [tick] });
  return rows[0] === undefined ? undefined : tickOf(rows[0]);
}

/** The newest tick; tick 0, the empty beginning, in a new database. */
export async function newestTick(client: ClientBase): Promise<Tick> {
  return tickOf(one((await client.query<TickRow>(NEWEST_TICK)).rows));
}

function rowsOf(
  rows: readonly (Omit<SelectedRow, 'seq'> & { seq: string | null })[],
  { firstN }: Tick,
): PositionedRow[] | undefined {
  const events = rows.flatMap((row, index) => {
    const { seq } = row;
    return seq === null ? [] : [positioned({ ...row, seq }, firstN + index)];
  });
  return events.length === 0 ? undefined : events;
}

function tickOf(row: TickRow): Tick {
  return {
    tick: Number(row.tick),
    firstN: Number(row.first_n),
    events: Number(row.events),
    heads: row.heads.map(Number),
    lastEventId: row.last_event_id ?? undefined,
  };
}

function one<R>(rows: R[]): R {
  const [row] = rows;
  if (row === undefined) throw new Error('tick is empty: its first row was deleted by hand');
  return row;
}
