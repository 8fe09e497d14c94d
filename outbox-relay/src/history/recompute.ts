import type { ClientBase } from 'pg';

/** An event of a position, as this database computes it. */
export interface ComputedEvent {
  n: number;
  eventId: string;
  partition: number;
}

// Parameters: the first and last tick, the first and last n. Each tick’s batch once more, by the stored snapshots; event ids only. A tick of which some rows have left the outbox
// gives none: what is left of it could not be counted.
export const COMPUTE = `
with ticks as materialized (
  select this.tick, this.first_n, this.events, this.snapshot, pg_snapshot_xmax(prev.snapshot) as from_xid,
    pg_snapshot_xmax(this.snapshot) as to_xid, array(select pg_snapshot_xip(prev.snapshot)) as late
  from tick this join tick prev on prev.tick = this.tick - 1
  where this.tick between $1 and $2
), numbered as (
  select t.first_n, t.events, o.event_id, o.partition,
    row_number() over (partition by t.tick order by o.seq) as k, count(*) over (partition by t.tick) as found
  from ticks t cross join lateral (
    select seq, event_id, partition from outbox
    where xid >= t.from_xid and xid < t.to_xid and pg_visible_in_snapshot(xid, t.snapshot)
    union all
    select seq, event_id, partition from outbox
    where xid = any (t.late) and pg_visible_in_snapshot(xid, t.snapshot)
  ) o
)
select first_n + k - 1 as n, event_id, partition from numbered where found = events and first_n + k - 1 between $3 and $4
order by n`;

/** Which ticks to look into, and the positions wanted of them. All bounds are included. */
export interface Stretch {
  fromTick: number;
  toTick: number;
  fromN: number;
  toN: number;
}

/** Computes the events of a stretch of positions, in order. Those that are no longer retained are missing from it. */
export async function computeEvents(client: ClientBase, stretch: Stretch): Promise<ComputedEvent[]> {
  const { rows } = await client.query<{ n: string; event_id: string; partition: number }>(COMPUTE, [
    stretch.fromTick,
    stretch.toTick,
    stretch.fromN,
    stretch.toN,
  ]);
  return rows.map(({ n, event_id, partition }) => ({ n: Number(n), eventId: event_id, partition }));
}

const HEADS = `select partition, max(n) as n from (${COMPUTE}) computed group by partition`;

/** The last position of each partition within a stretch; partitions without any are missing from it. */
export async function computeHeads(client: ClientBase, stretch: Stretch): Promise<Map<number, number>> {
  const { fromTick, toTick, fromN, toN } = stretch;
  const values = [fromTick, toTick, fromN, toN];
  const { rows } = await client.query<{ partition: number; n: string }>(HEADS, values);
  return new Map(rows.map(({ partition, n }) => [partition, Number(n)]));
}
