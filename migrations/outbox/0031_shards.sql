-- Shards: a source beyond one relay's rate may be split into several outboxes, streams and relays, by key.
--
-- Shard 0 is this schema; shard k is the schema banyan_k, made by the migrations (see README.md). An event belongs to shard
-- partition % shards; banyan.emit stays the only way in, whoever calls it. A source with one shard pays nothing: banyan.shards()
-- is inlined, and PL/pgSQL replans what it was inlined into when banyan.set_shards replaces it.
--
-- SQLSTATEs:   ZB008 shards cannot be set so     ZB009 events could lose their order     40001 run the transaction again
-- Not breaking. The channel of the wake-up has another name: a relay from before looks every pollIntervalMs until it is
-- replaced.

create function banyan.shards() returns integer
language sql stable parallel safe
return 1;

comment on function banyan.shards is 'How many shards this source has. Set with banyan.set_shards.';

create or replace function banyan.emit(
  aggregate_type text, aggregate_id text, event_type text, payload bytea,
  aggregate_version bigint default null, headers jsonb default '{}', event_id uuid default gen_random_uuid()
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  bytes integer;
  slot smallint;
  -- Here and below simple expressions, which PL/pgSQL evaluates without starting the executor: emit is on every writer's path.
  part smallint := get_byte(sha256(convert_to(aggregate_type || '/' || aggregate_id, 'UTF8')), 0) & 63;
begin
  if aggregate_type is null or aggregate_type ~ '[^A-Za-z0-9_-]' or octet_length(aggregate_type) not between 1 and 64 then
    perform banyan.check_name('aggregate type', aggregate_type);
  end if;
  if event_type is null or event_type ~ '[^A-Za-z0-9_-]' or octet_length(event_type) not between 1 and 64 then
    perform banyan.check_name('event type', event_type);
  end if;
  if aggregate_id is null or event_id is null or payload is null then
    raise exception 'banyan.emit: % is null',
      case when aggregate_id is null then 'aggregate id' when event_id is null then 'event id' else 'payload' end
      using errcode = 'ZB005', hint = 'An event needs the id of its aggregate, its own id, and a payload (which may be empty).';
  end if;
  if aggregate_id = '' or octet_length(aggregate_id) > 512 or not banyan.is_clean(aggregate_id) then
    raise exception 'banyan.emit: aggregate id % is unusable', to_json(left(aggregate_id, 100))
      using errcode = 'ZB003', hint = 'Use 1 to 512 bytes without control characters and without blanks at the edges.';
  end if;
  bytes := octet_length(payload);
  if headers is distinct from '{}' then
    perform banyan.check_headers(headers);
    bytes := bytes + octet_length(headers::text);
  end if;
  if bytes > banyan.max_event_bytes() then
    raise exception 'banyan.emit: event % of % % has % bytes of payload and headers, the limit is %',
      event_type, aggregate_type, aggregate_id, bytes, banyan.max_event_bytes()
      using errcode = 'ZB001', hint = 'Store the large part elsewhere and publish a reference to it.';
  end if;

  if banyan.shards() > 1 then
    return banyan.put_in_shard(part, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers);
  end if;
  slot := pg_sequence_last_value('banyan.outbox_slot') % 3;
  insert into banyan.outbox
    (slot, event_id, partition, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
  values (slot, event_id, part, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers);

  -- Read after the insert: this transaction has its id by now, so a relay that falls asleep later knows to wait for it.
  if pg_sequence_last_value('banyan.relay_asleep') = 2 and current_setting('banyan.notify', true) is distinct from 'off' then
    perform pg_notify('banyan.outbox', '');
  end if;
  return event_id;
end $$;

-- The last line of defence, in a constraint of each shard: a writer that chose its shard just before the number changed, and
-- waited for the lock meanwhile, would put its event where the key no longer is.
create function banyan.refuse_stray() returns boolean
language plpgsql volatile as $$
begin
  raise exception 'banyan.emit: the number of shards changed while this event was written'
    using errcode = '40001', hint = 'Run the transaction again. Write with banyan.emit only.';
end $$;

-- The schemas of the shards that there are, those left over from a larger number too.
create function banyan.shard_schemas() returns table (shard integer, schema text)
language sql stable as $$
  select 0, 'banyan'
  union all
  select substr(nspname, 8)::integer, nspname::text from pg_namespace
  where nspname ~ '^banyan_[1-9][0-9]?$' and to_regclass(format('%I.outbox', nspname)) is not null
  order by 1
$$;

-- Whether anything was ever emitted into a shard, and whether all of it is known to be in the stream.
create function banyan.shard_progress(schema text, out is_new boolean, out last_n bigint, out acked_n bigint, out is_acked boolean)
language plpgsql volatile set enable_seqscan = off as $$
declare
  seen      pg_snapshot;
  beyond    boolean;
  any_row   boolean;
  last_tick bigint;
begin
  execute format(
    'select tick, snapshot, first_n + events - 1 from %I.tick order by tick desc limit 1', schema
  ) into last_tick, seen, last_n;
  execute format('select acked_n from %I.source', schema) into acked_n;
  execute format(
    'select exists (select from %1$I.outbox),
       exists (select from %1$I.outbox where xid >= $1) or exists (select from %1$I.outbox where xid = any ($2))', schema
  ) into any_row, beyond using pg_snapshot_xmax(seen), array(select pg_snapshot_xip(seen));
  is_new := last_tick = 0 and not any_row;
  is_acked := not beyond and acked_n >= last_n;
end $$;

create function banyan.set_shards(shards integer, drained boolean default false) returns void
language plpgsql volatile set lock_timeout = '200ms' as $$
declare
  target     record;
  progress   record;
  has_events boolean := false;
  branches   text;
begin
  perform banyan.check_shards(shards);
  -- Writers wait from here on, for as long as this function takes: milliseconds.
  for target in select * from banyan.shard_schemas() loop
    execute format('lock table %I.outbox in access exclusive mode', target.schema);
  end loop;
  if shards = banyan.shards() then return; end if;
  -- New statements, whose snapshots see what was committed until the locks came.
  for target in select * from banyan.shard_schemas() loop
    progress := banyan.shard_progress(target.schema);
    has_events := has_events or not progress.is_new;
    if not progress.is_acked then
      raise exception 'banyan.set_shards: % has events that the stream is not known to hold (position % of %, or newer)',
        target.schema, progress.acked_n, progress.last_n
        using errcode = 'ZB009', hint = 'Stop the writers, let the relays publish everything, then call it again.';
    end if;
  end loop;
  if has_events and not drained then
    raise exception 'banyan.set_shards: events were published with % shards, and keys would move between streams', banyan.shards()
      using errcode = 'ZB009', hint = 'With the writers stopped, wait until every subscriber has applied everything; then call banyan.set_shards(n, drained => true).';
  end if;

  for target in select * from banyan.shard_schemas() loop
    execute format('alter table %I.outbox drop constraint if exists outbox_in_its_shard', target.schema);
    if shards > 1 or target.shard > 0 then
      execute format(
        'alter table %I.outbox add constraint outbox_in_its_shard check (partition %% %s = %s or banyan.refuse_stray()) not valid',
        target.schema, shards, target.shard);
    end if;
  end loop;
  select string_agg(format(
      'when %s then return %I.put(part, event_id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers);',
      shard, schema), E'\n    ' order by shard)
    into branches from banyan.shard_schemas() where shard < shards;
  execute format($put$
create or replace function banyan.put_in_shard(
  part smallint, event_id uuid, aggregate_type text, aggregate_id text, aggregate_version bigint, event_type text,
  payload bytea, headers jsonb
) returns uuid
language plpgsql as $body$
begin
  case part %% %s
    %s
  end case;
end $body$ $put$, shards, branches);
  execute format(
    'create or replace function banyan.shards() returns integer language sql stable parallel safe return %s', shards);
exception when lock_not_available then
  raise exception 'banyan.set_shards: transactions that have emitted are still open'
    using errcode = '55P03', hint = 'Let them end, or stop the writers; nothing was changed. Then call it again.';
end $$;

comment on function banyan.set_shards is
  'Splits the source into so many shards. Free before the first event. Later keys move between streams: see docs/relay.md.';

-- What can be said before anybody has to wait.
create function banyan.check_shards(shards integer) returns void
language plpgsql volatile as $$
declare
  missing text;
begin
  if shards is null or shards not between 1 and 64 then
    raise exception 'banyan.set_shards: % is no number of shards', coalesce(shards::text, 'null')
      using errcode = 'ZB008', hint = 'Use 1 to 64: there are 64 partitions, and each is in one shard.';
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'banyan.set_shards: transaction isolation is %, which cannot see what was just committed',
      current_setting('transaction_isolation') using errcode = 'ZB008', hint = 'Call it in read committed.';
  end if;
  select string_agg('banyan_' || shard, ', ' order by shard) into missing
  from generate_series(1, shards - 1) shard where shard not in (select known.shard from banyan.shard_schemas() known);
  if missing is not null then
    raise exception 'banyan.set_shards: % shards need the schemas %', shards, missing
      using errcode = 'ZB008', hint = format('Run the migrations of the role outbox with shards: %s first.', shards);
  end if;
end $$;
