import type { ClientBase } from 'pg';

/** All but the first two are 0 when the books balance. */
export interface AuditCounts {
  /** Rows in the outbox: what writers have committed and is still retained. */
  committed: number;
  messages: number;
  /** Messages whose event id an earlier one has. */
  duplicates: number;
  /** Positions that are not the one before plus one. A new epoch may go on anywhere above. */
  gaps: number;
  /** Messages whose `Banyan-Prev` is not the last position of their partition. */
  brokenLinks: number;
  /** Events that stand in the stream before an earlier one of the same key. */
  inversions: number;
  /** Committed events that are not in the stream. */
  missing: number;
  /** Messages of this epoch and of retained positions whose event is not in the outbox: rolled back, or of another history. */
  unknown: number;
}

const COUNT_STREAM = `
select count(*) as messages, count(event_id) - count(distinct event_id) as duplicates,
  count(*) filter (where before_n is not null
    and not coalesce(n = before_n + 1 and epoch = before_epoch or n > before_n and epoch > before_epoch, false)) as gaps,
  count(*) filter (where head <> coalesce(prev_n, -1)) as "brokenLinks"
from (
  select *, lag(n) over stream as before_n, lag(epoch) over stream as before_epoch,
    lag(n) over (partition by epoch, partition order by sequence) as head
  from stream_message window stream as (order by sequence)
) m`;

const COUNT_BOTH = `
with retained as (
  select coalesce(
    (select min(t.first_n) from tick t, source s where t.tick > s.retained_after_tick),
    (select first_n + events from tick order by tick desc limit 1)) as from_n
), in_both as (
  select o.seq, lag(o.seq) over (partition by m.key, m.epoch order by m.sequence) as before_seq
  from stream_message m join outbox o using (event_id)
)
select (select count(*) from outbox) as committed,
  (select count(*) from in_both where seq < before_seq) as inversions,
  (select count(*) from outbox o
   where not exists (select from stream_message m where m.event_id = o.event_id)) as missing,
  (select count(*) from stream_message m, retained, source s
   where (m.n is null or m.n >= from_n and m.epoch = s.epoch)
     and not exists (select from outbox o where o.event_id = m.event_id)) as unknown`;

type Counted<K extends keyof AuditCounts> = Record<K, string>;

/** Counts what is wrong, from the table `stream_message` of this transaction. */
export async function countAll(client: ClientBase): Promise<AuditCounts> {
  const inStream =
    await client.query<Counted<'messages' | 'duplicates' | 'gaps' | 'brokenLinks'>>(COUNT_STREAM);
  const inBoth = await client.query<Counted<'committed' | 'inversions' | 'missing' | 'unknown'>>(COUNT_BOTH);
  const [one, both] = [inStream.rows[0], inBoth.rows[0]];
  if (one === undefined || both === undefined) throw new Error('counting gave no row');
  return {
    committed: Number(both.committed),
    messages: Number(one.messages),
    duplicates: Number(one.duplicates),
    gaps: Number(one.gaps),
    brokenLinks: Number(one.brokenLinks),
    inversions: Number(both.inversions),
    missing: Number(both.missing),
    unknown: Number(both.unknown),
  };
}
