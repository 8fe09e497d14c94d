-- Retention by rotation: slots are left, and emptied by TRUNCATE when nothing in them can be needed any more.
--
-- Two traps, both seen. A writer that commits while a TRUNCATE waits for it would lose its rows; so the exclusive lock is
-- taken first, and the rows are judged in a later statement, whose snapshot sees what such a writer committed. And a long
-- transaction can write into a slot that was left long ago; so rows are judged by the tick that they belong to, never by
-- their age or place. Whoever empties a slot does it in one call: a client that stops in the middle leaves no lock behind.
-- Not breaking: adds a column, a table, functions and a view.

alter table banyan.source add column retained_after_tick bigint not null default 0;

comment on column banyan.source.retained_after_tick is
  'The events of all later ticks are in the outbox, whole; those of this one and of earlier ones may be gone, or some of them.';

-- When the relay knew that the stream had acknowledged a tick. Not when the tick was taken: after an outage of the broker
-- that may be days earlier, and what the broker may still lose counts from the acknowledgement.
create table banyan.acked_mark (
  tick     bigint      primary key,
  noted_at timestamptz not null default clock_timestamp()
);

-- Whether each committed row of a slot was seen by a snapshot. The two index ranges that a tick's batch is made of.
create function banyan.slot_is_within(slot integer, seen pg_snapshot) returns boolean
language plpgsql volatile set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  beyond boolean;
begin
  execute format(
    'select exists (select from banyan.%1$I where xid >= $1) or exists (select from banyan.%1$I where xid = any ($2))',
    'outbox_' || slot
  ) into beyond using pg_snapshot_xmax(seen), array(select pg_snapshot_xip(seen));
  return not beyond;
end $$;

-- The earliest tick by which all committed rows of a slot were published, by binary search; null if some row is in no tick.
create function banyan.slot_completed_by(slot integer) returns bigint
language plpgsql volatile as $$
declare
  low   bigint;
  high  bigint;
  probe record;
begin
  select min(tick), max(tick) into low, high from banyan.tick;
  if not banyan.slot_is_within(slot, (select snapshot from banyan.tick where tick = high)) then
    return null;
  end if;
  while low < high loop
    select tick, snapshot into probe from banyan.tick where tick >= (low + high) / 2 order by tick limit 1;
    if banyan.slot_is_within(slot, probe.snapshot) then
      high := (low + high) / 2;
    else
      low := probe.tick + 1;
    end if;
  end loop;
  return (select min(tick) from banyan.tick where tick >= low);
end $$;

-- Empties a slot if each of its rows was acknowledged at least `keep` ago. Says what became of it:
--   empty     there was nothing in it       current  it is being written
--   kept      something in it is needed     busy     a transaction uses it; try again later
--   emptied
create function banyan.empty_slot(slot integer, keep interval) returns text
language plpgsql volatile set lock_timeout = '50ms' as $$
declare
  name    text := 'outbox_' || slot;
  through bigint;
  seen    pg_snapshot;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'banyan.empty_slot: transaction isolation is %, which cannot see what was just committed',
      current_setting('transaction_isolation') using hint = 'Call it in read committed.';
  end if;
  if slot = (select last_value % 3 from banyan.outbox_slot) then return 'current'; end if;
  if pg_relation_size(format('banyan.%I', name)::regclass) = 0 then return 'empty'; end if;
  through := banyan.slot_completed_by(slot);
  select tick.snapshot into seen from banyan.tick
  where tick.tick = through
    and through <= (select max(mark.tick) from banyan.acked_mark mark where noted_at <= clock_timestamp() - keep);
  if not found then return 'kept'; end if;

  execute format('lock table banyan.%I in access exclusive mode', name);
  -- From here on nobody can add to the slot. A new statement: its snapshot sees what was committed until the lock came.
  if not banyan.slot_is_within(slot, seen) then return 'kept'; end if;
  update banyan.source set retained_after_tick = greatest(retained_after_tick, through);
  execute format('truncate banyan.%I', name);
  return 'emptied';
exception when lock_not_available then
  return 'busy';
end $$;

comment on function banyan.empty_slot is
  'For the relay. Waits 50 ms at most for the slot''s lock, which no writer of the current slot needs, and holds it for the few ms that a TRUNCATE takes.';

-- Moves on to another slot. A writer that read the old one just now still writes there: see the second trap.
create function banyan.move_to_slot(slot integer) returns void
language sql volatile as $$
  select setval('banyan.outbox_slot', last_value + (slot - last_value % 3 + 3) % 3) from banyan.outbox_slot
$$;

-- Ticks are of no use without their events; the last one before the retained events is kept, as they begin after it.
create function banyan.prune_ticks(most integer) returns bigint
language sql volatile as $$
  with pruned as (
    delete from banyan.tick where tick in (
      select tick from banyan.tick where tick < (select retained_after_tick from banyan.source) order by tick limit most
    ) returning 1
  )
  select count(*) from pruned
$$;

-- Marks the acknowledgement of a tick, and forgets marks that no retention up to `keep` asks for.
create function banyan.mark_acked(tick bigint, keep interval) returns void
language sql volatile as $$
  insert into banyan.acked_mark (tick) values (mark_acked.tick) on conflict do nothing;
  delete from banyan.acked_mark
  where noted_at < (select max(noted_at) from banyan.acked_mark where noted_at <= clock_timestamp() - keep)
$$;

create view banyan.outbox_slots as
select
  slot,
  slot = (select last_value % 3 from banyan.outbox_slot)                              as is_current,
  pg_relation_size(format('banyan.%I', 'outbox_' || slot)::regclass) = 0              as is_empty,
  pg_total_relation_size(format('banyan.%I', 'outbox_' || slot)::regclass)            as bytes,
  (select emitted_at from banyan.outbox where outbox.slot = slots.slot order by seq limit 1) as oldest_emitted_at
from generate_series(0, 2) slot_number, lateral (select slot_number::smallint as slot) slots;

comment on view banyan.outbox_slots is 'The three slots of the outbox: which one is written, their sizes on disk, indexes included, and their oldest events.';
