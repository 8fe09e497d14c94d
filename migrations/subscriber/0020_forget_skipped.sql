-- A key that was skipped counts as stale until somebody says that its data is right again: after a backfill of its source, or
-- after a correction by hand. `banyan parked forget` says so, and keeps who and why beside the events that were given up.

alter table banyan.skipped_event
  add column forgotten_at timestamptz,
  add column forgotten_by text,
  add column forgotten_because text;
comment on column banyan.skipped_event.forgotten_at is 'When somebody said that the key is right again in spite of this event.';

-- How many skipped events are forgotten; 0 if the key is not skipped. What still waits goes on waiting.
create function banyan.forget_skipped(p_subscriber text, p_source text, p_aggregate text, p_aggregate_id text,
                                      p_reason text, p_by text) returns integer
language plpgsql as $$
declare
  v_partition smallint;
  v_forgotten integer;
begin
  if coalesce(p_reason, '') = '' or coalesce(p_by, '') = '' then
    raise exception 'forgetting needs a reason and a name' using errcode = 'invalid_parameter_value';
  end if;
  select partition into v_partition from banyan.parked_key k
  where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id);
  -- Lock first, in a statement of its own: what is read before it may be stale after it.
  perform from banyan.position p where (p.subscriber, p.source, p.partition) = (p_subscriber, p_source, v_partition)
  for update;
  update banyan.parked_key k set skipped = false
  where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
    and skipped;
  if not found then
    return 0;
  end if;
  with gone as (
    delete from banyan.parked_key k
    where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
      and state = 'skipped'
    returning 1)
  update banyan.position p set held_keys = held_keys - 1
  from gone where (p.subscriber, p.source, p.partition) = (p_subscriber, p_source, v_partition);
  update banyan.skipped_event e set forgotten_at = now(), forgotten_by = p_by, forgotten_because = p_reason
  where (e.subscriber, e.source, e.aggregate, e.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
    and forgotten_at is null;
  get diagnostics v_forgotten = row_count;
  return v_forgotten;
end $$;
