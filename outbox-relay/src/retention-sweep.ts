import type { ClientBase } from 'pg';

/** What a sweep goes by. Times in ms, sizes in bytes. */
export interface RetentionLimits {
  retentionMs: number;
  retentionFloorMs: number;
  retentionMaxBytes: number;
}

/** What a sweep did. */
export interface SweepCounts {
  /** The slot that is written from now on; undefined if that is the one before. */
  movedTo: number | undefined;
  /** Slots that were emptied. */
  emptied: number[];
  /** Slots that some transaction still uses, so that they could not be looked at. */
  busy: number[];
  prunedTicks: number;
}

interface Slot {
  slot: number;
  isCurrent: boolean;
  isEmpty: boolean;
  bytes: number;
  /** Of its oldest event, in ms; undefined without any. */
  ageMs: number | undefined;
}

type Outcome = 'empty' | 'current' | 'kept' | 'busy' | 'emptied';

const MARK_ACKED = `select mark_acked($1, $2 * interval '1 ms')`;
const EMPTY_SLOT = `select empty_slot($1, $2 * interval '1 ms') as outcome`;
const MOVE_TO_SLOT = `select move_to_slot($1)`;
const PRUNE_TICKS = `select prune_ticks($1) as pruned`;
const READ_SLOTS = `
select slot, is_current, is_empty, bytes, extract(epoch from clock_timestamp() - oldest_emitted_at) * 1000 as age_ms
from outbox_slots order by slot`;

/** Ticks deleted by one statement: few enough that it takes milliseconds. */
const PRUNE_CHUNK = 5000;

const SLOTS = 3;

/**
 * One round of retention: empties the slots that were left long enough ago, moves on to the next one if the current is old
 * or large, and deletes the ticks that lost their events. Any part may be missed and is made up for by the next sweep.
 *
 * @param ackedTick all events up to this tick are acknowledged by the stream
 */
export async function sweep(
  client: ClientBase,
  ackedTick: number,
  limits: RetentionLimits,
): Promise<SweepCounts> {
  await client.query(MARK_ACKED, [ackedTick, limits.retentionMs]);
  const keepMs = keepMsOf(await readSlots(client), limits);
  const counts: SweepCounts = { movedTo: undefined, emptied: [], busy: [], prunedTicks: 0 };
  for (let slot = 0; slot < SLOTS; slot++) {
    const outcome = await emptySlot(client, slot, keepMs);
    if (outcome === 'emptied') counts.emptied.push(slot);
    if (outcome === 'busy') counts.busy.push(slot);
  }
  counts.movedTo = nextSlot(await readSlots(client), limits);
  if (counts.movedTo !== undefined) await client.query(MOVE_TO_SLOT, [counts.movedTo]);
  counts.prunedTicks = await pruneTicks(client);
  return counts;
}

/** How long acknowledged events are kept: less while the outbox is over its size, but never under the floor. */
function keepMsOf(slots: readonly Slot[], limits: RetentionLimits): number {
  const { retentionMs, retentionFloorMs, retentionMaxBytes } = limits;
  const bytes = slots.reduce((sum, slot) => sum + slot.bytes, 0);
  const isOver = retentionMaxBytes > 0 && bytes > retentionMaxBytes;
  return isOver ? Math.min(retentionFloorMs, retentionMs) : retentionMs;
}

/**
 * The slot to move to; undefined to stay. Moving at half of the retention keeps events for one to one and a half times as
 * long as asked, and leaves the third slot time to become empty. A slot that a long transaction holds is passed over.
 */
function nextSlot(slots: readonly Slot[], limits: RetentionLimits): number | undefined {
  const current = slots.find(({ isCurrent }) => isCurrent);
  if (current?.ageMs === undefined) return undefined;
  const isOld = current.ageMs >= limits.retentionMs / 2;
  const isLarge = limits.retentionMaxBytes > 0 && current.bytes >= limits.retentionMaxBytes / SLOTS;
  if (!isOld && !isLarge) return undefined;
  const after = [1, 2].map((step) => (current.slot + step) % SLOTS);
  return after.find((slot) => slots[slot]?.isEmpty);
}

async function readSlots(client: ClientBase): Promise<Slot[]> {
  interface Row {
    slot: number;
    is_current: boolean;
    is_empty: boolean;
    bytes: string;
    age_ms: string | null;
  }
  const { rows } = await client.query<Row>(READ_SLOTS);
  return rows.map((row) => ({
    slot: row.slot,
    isCurrent: row.is_current,
    isEmpty: row.is_empty,
    bytes: Number(row.bytes),
    ageMs: row.age_ms === null ? undefined : Number(row.age_ms),
  }));
}

async function emptySlot(client: ClientBase, slot: number, keepMs: number): Promise<Outcome | undefined> {
  const { rows } = await client.query<{ outcome: Outcome }>(EMPTY_SLOT, [slot, keepMs]);
  return rows[0]?.outcome;
}

async function pruneTicks(client: ClientBase): Promise<number> {
  for (let total = 0; ;) {
    const { rows } = await client.query<{ pruned: string }>(PRUNE_TICKS, [PRUNE_CHUNK]);
    const pruned = Number(rows[0]?.pruned ?? 0);
    total += pruned;
    if (pruned < PRUNE_CHUNK) return total;
  }
}
