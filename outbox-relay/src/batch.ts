import type { ClientBase } from 'pg';
import { copyRows, type CopiedRow } from './binary-copy.js';
import {
  COLUMNS,
  FIELDS,
  NO_HEADERS,
  positioned,
  type PositionedRow,
  type SelectedRow,
} from './positioned-row.js';
import { lastNOf, type Tick } from './tick.js';

/** Ticks of at most so many events are read with one prepared statement, which answers sooner, whatever their size. */
const SMALL_EVENTS = 16;

/** A page ends with the payload that reaches this. */
const PAGE_BYTES = 4 * 1024 * 1024;

// The rows of a tick's batch are those that its snapshot sees and the snapshot of the tick before did not. They are found
// by transaction id: two index ranges. Both snapshots are stored ones, so the answer is the same at any later time.
/**
 * The stored snapshots of a tick, given by its number or parameter, and of the one before. Of a tick that retention has
 * reached some rows may be gone and others not: it yields none, lest they get wrong positions.
 */
export const boundsOf = (tick: string): string => `
with bounds as materialized (
  select this.snapshot, this.first_seq, this.last_seq, pg_snapshot_xmax(this.snapshot) as next_xmax,
    pg_snapshot_xmax(prev.snapshot) as xmax, array(select pg_snapshot_xip(prev.snapshot)) as xip
  from tick this join tick prev on prev.tick = this.tick - 1
  where this.tick = ${tick} and this.tick > (select retained_after_tick from source)
)`;

// A small batch: sorted from the two index ranges. The first ends where the next tick's begins, so that catching up over
// many ticks does not read all later rows for each.
const READ_SMALL = `${boundsOf('$1')}, batch as materialized (
  select ${COLUMNS} from outbox o
  where o.xid >= (select xmax from bounds) and o.xid < (select next_xmax from bounds)
    and pg_visible_in_snapshot(o.xid, (select snapshot from bounds))
  union all
  select ${COLUMNS} from outbox o
  where o.xid = any (array(select unnest(xip) from bounds)) and pg_visible_in_snapshot(o.xid, (select snapshot from bounds))
)
select * from batch order by seq offset $2`;

// A large one: read page by page in the order of seq, so that nothing has to be sorted or held. A page ends with the row
// that fills it: the size of a large payload is known without reading it.
function pageQuery(tick: number, { afterSeq, skip, limit }: Page): string {
  return `${boundsOf(String(tick))}, page as (
  select o.* from outbox o, bounds b
  where o.seq > ${afterSeq} and o.seq >= b.first_seq and o.seq <= b.last_seq
    and (o.xid >= b.xmax or o.xid = any (b.xip)) and pg_visible_in_snapshot(o.xid, b.snapshot)
  order by o.seq offset ${skip} limit ${limit}
), sized as (
  select *, sum(octet_length(payload)) over (order by seq rows between unbounded preceding and 1 preceding) as bytes_before
  from page
)
select ${FIELDS}, o.emitted_at from sized o where coalesce(o.bytes_before, 0) < ${PAGE_BYTES} order by o.seq`;
}

interface Page {
  /** The seq of the row before the page. */
  afterSeq: bigint;
  /** Rows of the batch to leave out. */
  skip: number;
  limit: number;
}

/**
 * The events of a tick in order, in pages, from position `fromN` on. The next page is asked for while the caller deals
 * with the one it has. Fewer rows than `tick.events` come if some have left the outbox: the caller counts.
 */
export async function* readBatch(
  client: ClientBase,
  tick: Tick,
  fromN: number,
  pageRows: number,
): AsyncGenerator<PositionedRow[], void, undefined> {
  const skip = fromN - tick.firstN;
  if (tick.events <= Math.min(pageRows, SMALL_EVENTS)) {
    const { rows } = await client.query<SelectedRow>({
      name: 'banyan_read_small',
      text: READ_SMALL,
      values: [tick.tick, skip],
    });
    yield rows.map((row, index) => positioned(row, fromN + index));
    return;
  }
  let n = fromN;
  let next = readPage(client, tick, { afterSeq: 0n, skip, limit: pageRows });
  while (n <= lastNOf(tick)) {
    const rows = await next;
    const last = rows.at(-1);
    if (last === undefined) return;
    if (n + rows.length <= lastNOf(tick)) {
      next = readPage(client, tick, { afterSeq: BigInt(last.seq), skip: 0, limit: pageRows });
      // If the caller gives up before it takes this page, nobody is left to hear of its failure.
      next.catch(() => undefined);
    }
    for (const row of rows) row.n = n++;
    yield rows;
  }
}

function readPage(client: ClientBase, tick: Tick, page: Page): Promise<PositionedRow[]> {
  return copyRows(client, pageQuery(tick.tick, page), copied);
}

/** The fields of `FIELDS` and the time, in their order. The position is not known yet. */
function copied(row: CopiedRow): PositionedRow {
  return {
    n: 0,
    seq: row.int8OrNull() ?? '0',
    eventId: row.uuid(),
    partition: row.int2(),
    aggregateType: row.text(),
    aggregateId: row.text(),
    aggregateVersion: row.int8OrNull() ?? undefined,
    eventType: row.text(),
    payload: row.bytes(),
    headers: headersOf(row.jsonOrNull()),
    emittedAt: row.time(),
  };
}

function headersOf(json: string | null): Record<string, string> {
  return json === null ? NO_HEADERS : (JSON.parse(json) as Record<string, string>);
}
