-- What a shard of a source has besides what every outbox has: the way in for banyan.emit.
--
-- A shard is an outbox of its own in a schema of its own, made of the same files: see README.md. The channel is named after
-- the outbox that it tells of.
-- Not breaking: creates a new function only.

create function banyan.put(
  part smallint, event_id uuid, aggregate_type text, aggregate_id text, aggregate_version bigint, event_type text,
  payload bytea, headers jsonb
) returns uuid
language plpgsql as $$
#variable_conflict use_variable
declare
  slot smallint := pg_sequence_last_value('banyan.outbox_slot') % 3;
begin
  insert into banyan.outbox
    (slot, event_id, partition, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
  values (slot, event_id, part, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers);

  -- Read after the insert: see banyan.emit.
  if pg_sequence_last_value('banyan.relay_asleep') = 2 and current_setting('banyan.notify', true) is distinct from 'off' then
    perform pg_notify('banyan.outbox', '');
  end if;
  return event_id;
end $$;

comment on function banyan.put is
  'For banyan.emit, which has checked the event. It runs with the rights and the search_path of its caller.';
