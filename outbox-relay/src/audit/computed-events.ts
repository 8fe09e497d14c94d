import type { PositionRange } from '@banyan/contracts';
import type { ClientBase } from 'pg';
import { boundsOf } from '../batch.js';
import { computeEvents, type ComputedEvent } from '../history/recompute.js';
import { findTick } from '../ranges/read-range.js';
import { newestTick } from '../tick.js';

/** Positions to a stretch. */
export const STRETCH = 10_000;

/** Ticks looked up at a time. */
const TICKS = 1000;

const NEXT_TICKS = `
select tick, first_n, events from tick where tick > $1 order by tick limit ${TICKS}`;

// What retention or an epoch has left behind ends at a tick.
const BEGINS_AFTER = `
select greatest(e.base_tick, s.retained_after_tick) as tick from source s join epoch e using (epoch)`;

// Of a tick with more events than a stretch: page by page in the order of seq, so that it need not be sorted anew for each.
const READ_LARGE = `${boundsOf('$1')}
select o.seq, o.event_id, o.partition from outbox o, bounds b
where o.seq > $2 and o.seq >= b.first_seq and o.seq <= b.last_seq
  and (o.xid >= b.xmax or o.xid = any (b.xip)) and pg_visible_in_snapshot(o.xid, b.snapshot)
order by o.seq limit ${STRETCH}`;

/** A stretch of positions, and the events that this database computes for them. Fewer: the others are not retained. */
export interface ComputedStretch extends PositionRange {
  events: ComputedEvent[];
}

interface TickSpan {
  tick: number;
  firstN: number;
  events: number;
}

/**
 * The events of positions `fromN` to `toN` of this database's present epoch, in stretches, by the recorded ticks. No
 * statement runs for long. The first stretch may begin before `fromN`, where its tick begins.
 */
export async function* computeStretches(
  client: ClientBase,
  { fromN, toN }: PositionRange,
): AsyncGenerator<ComputedStretch, void, undefined> {
  let group: TickSpan[] = [];
  for await (const tick of readTicks(client, { fromN, toN })) {
    const isLarge = tick.events > STRETCH;
    if (group.length > 0 && (isLarge || eventsOf(group) + tick.events > STRETCH)) {
      yield await computeGroup(client, group);
      group = [];
    }
    if (isLarge) yield* computeLarge(client, tick);
    else group.push(tick);
  }
  if (group.length > 0) yield await computeGroup(client, group);
}

/** The first position that can still be computed; undefined while there is none. */
export async function firstRetainedN(client: ClientBase): Promise<number | undefined> {
  const { rows } = await client.query<{ tick: string }>(BEGINS_AFTER);
  const [next] = await nextTicks(client, Number(rows[0]?.tick ?? 0));
  return next?.firstN;
}

async function* readTicks(client: ClientBase, { fromN, toN }: PositionRange): AsyncGenerator<TickSpan> {
  const { rows } = await client.query<{ tick: string }>(BEGINS_AFTER);
  const first = await findTick(client, fromN, {
    newest: await newestTick(client),
    baseTick: Number(rows[0]?.tick ?? 0),
  });
  let after = first.tick - 1;
  for (;;) {
    const ticks = await nextTicks(client, after);
    for (const tick of ticks) {
      if (tick.firstN > toN) return;
      yield tick;
    }
    const last = ticks.at(-1);
    if (last === undefined || ticks.length < TICKS) return;
    after = last.tick;
  }
}

async function nextTicks(client: ClientBase, after: number): Promise<TickSpan[]> {
  interface Row {
    tick: string;
    first_n: string;
    events: string;
  }
  const { rows } = await client.query<Row>(NEXT_TICKS, [after]);
  return rows.map((row) => ({
    tick: Number(row.tick),
    firstN: Number(row.first_n),
    events: Number(row.events),
  }));
}

const eventsOf = (ticks: readonly TickSpan[]): number => ticks.reduce((sum, { events }) => sum + events, 0);

async function computeGroup(client: ClientBase, group: readonly TickSpan[]): Promise<ComputedStretch> {
  const [first, last] = [group[0], group.at(-1)];
  if (first === undefined || last === undefined) return { fromN: 1, toN: 0, events: [] };
  const range = { fromN: first.firstN, toN: last.firstN + last.events - 1 };
  const ticks = { fromTick: first.tick, toTick: last.tick };
  return { ...range, events: await computeEvents(client, { ...ticks, ...range }) };
}

async function* computeLarge(client: ClientBase, tick: TickSpan): AsyncGenerator<ComputedStretch> {
  interface Row {
    seq: string;
    event_id: string;
    partition: number;
  }
  const endN = tick.firstN + tick.events - 1;
  let [fromN, afterSeq] = [tick.firstN, '0'];
  while (fromN <= endN) {
    const { rows } = await client.query<Row>(READ_LARGE, [tick.tick, afterSeq]);
    const first = fromN;
    const events = rows.map((row, index) => ({
      n: first + index,
      eventId: row.event_id,
      partition: row.partition,
    }));
    const toN = rows.length < STRETCH ? endN : fromN + STRETCH - 1;
    yield { fromN, toN, events };
    afterSeq = rows.at(-1)?.seq ?? afterSeq;
    fromN = toN + 1;
  }
}
