create table banyan.acked_mark (
  tick bigint not null,
  noted_at timestamp with time zone not null default clock_timestamp());

create table banyan.backfill (
  id uuid not null,
  aggregate text not null,
  state text not null default 'running'::text,
  waits_for text[] not null,
  after_key text[],
  emitted bigint not null default 0,
  estimated bigint,
  rows_per_second integer not null,
  slowed_by text,
  requested_by text not null,
  requested_at timestamp with time zone not null default clock_timestamp(),
  begun_at timestamp with time zone,
  updated_at timestamp with time zone not null default clock_timestamp(),
  ended_at timestamp with time zone,
  last_error text,
  last_xid xid8,
  held_by text,
  held_until timestamp with time zone) with (fillfactor=50);

create table banyan.epoch (
  epoch integer not null,
  base_tick bigint not null,
  base_n bigint not null,
  began_at timestamp with time zone not null default clock_timestamp(),
  decided_by text not null,
  reason text not null,
  system_identifier bigint,
  timeline integer,
  stream_tail text,
  republished bigint not null default 0);

create table banyan.outbox (
  seq bigint not null generated always as identity,
  slot smallint not null,
  xid xid8 not null default pg_current_xact_id(),
  event_id uuid not null,
  partition smallint not null,
  aggregate_type text not null,
  aggregate_id text not null,
  aggregate_version bigint,
  event_type text not null,
  payload bytea not null,
  headers jsonb not null,
  emitted_at timestamp with time zone not null default clock_timestamp())
  partition by LIST (slot);

create table banyan.source (
  singleton boolean not null default true,
  name text,
  epoch integer not null default 1,
  system_identifier bigint,
  timeline integer,
  acked_tick bigint not null default 0,
  acked_n bigint not null default 0,
  led_by text,
  led_since timestamp with time zone,
  retained_after_tick bigint not null default 0) with (fillfactor=50);

create table banyan.tick (
  tick bigint not null,
  snapshot pg_snapshot not null,
  first_n bigint not null,
  events bigint not null,
  heads bigint[] not null,
  first_seq bigint,
  last_seq bigint,
  last_event_id uuid,
  taken_at timestamp with time zone not null);

create table banyan.outbox_0 partition of banyan.outbox FOR VALUES IN ('0');

create table banyan.outbox_1 partition of banyan.outbox FOR VALUES IN ('1');

create table banyan.outbox_2 partition of banyan.outbox FOR VALUES IN ('2');

alter table banyan.acked_mark add constraint acked_mark_pkey PRIMARY KEY (tick);

alter table banyan.backfill add constraint backfill_pkey PRIMARY KEY (id);

alter table banyan.backfill add constraint backfill_rows_per_second_check CHECK ((rows_per_second > 0));

alter table banyan.backfill add constraint backfill_state_check CHECK ((state = ANY (ARRAY['running'::text, 'paused'::text, 'done'::text, 'failed'::text, 'cancelled'::text])));

alter table banyan.epoch add constraint epoch_epoch_check CHECK ((epoch >= 1));

alter table banyan.epoch add constraint epoch_pkey PRIMARY KEY (epoch);

alter table banyan.outbox add constraint outbox_pkey PRIMARY KEY (seq, slot);

alter table banyan.source add constraint source_epoch_check CHECK ((epoch >= 1));

alter table banyan.source add constraint source_pkey PRIMARY KEY (singleton);

alter table banyan.source add constraint source_singleton_check CHECK (singleton);

alter table banyan.tick add constraint tick_heads_check CHECK ((cardinality(heads) = 64));

alter table banyan.tick add constraint tick_pkey PRIMARY KEY (tick);

CREATE INDEX outbox_xid ON ONLY banyan.outbox USING btree (xid);

CREATE UNIQUE INDEX backfill_open ON banyan.backfill USING btree (aggregate) WHERE (state = ANY (ARRAY['running'::text, 'paused'::text, 'failed'::text]));

create sequence banyan.outbox_slot minvalue 0 maxvalue 9223372036854775807;

create sequence banyan.relay_asleep minvalue 1 maxvalue 2;

create view banyan.captured_table as
 SELECT (tgrelid)::regclass AS captured,
    (tgenabled <> 'D'::"char") AS enabled
   FROM pg_trigger
  WHERE (tgname = 'banyan_capture'::name);

create view banyan.open_transaction as
 SELECT l.virtualtransaction AS transaction,
    l.pid,
    COALESCE(a.application_name, ''::text) AS application,
    a.xact_start AS since
   FROM (pg_locks l
     JOIN pg_stat_activity a USING (pid))
  WHERE ((l.locktype = 'virtualxid'::text) AND (a.datname = current_database()) AND (l.pid <> pg_backend_pid()) AND (COALESCE(a.backend_type, ''::text) <> ALL (ARRAY['autovacuum worker'::text, 'walsender'::text])))
UNION ALL
 SELECT ('prepared '::text || pg_prepared_xacts.gid) AS transaction,
    NULL::integer AS pid,
    ('prepared transaction of '::text || (pg_prepared_xacts.owner)::text) AS application,
    pg_prepared_xacts.prepared AS since
   FROM pg_prepared_xacts
  WHERE (pg_prepared_xacts.database = current_database());

create view banyan.outbox_slots as
 SELECT slots.slot,
    (slots.slot = ( SELECT (outbox_slot.last_value % (3)::bigint)
           FROM banyan.outbox_slot)) AS is_current,
    (pg_relation_size((format('banyan.%I'::text, ('outbox_'::text || slots.slot)))::regclass) = 0) AS is_empty,
    pg_total_relation_size((format('banyan.%I'::text, ('outbox_'::text || slots.slot)))::regclass) AS bytes,
    ( SELECT outbox.emitted_at
           FROM banyan.outbox
          WHERE (outbox.slot = slots.slot)
          ORDER BY outbox.seq
         LIMIT 1) AS oldest_emitted_at
   FROM generate_series(0, 2) slot_number(slot_number),
    LATERAL ( SELECT (slot_number.slot_number)::smallint AS slot) slots;

create view banyan.outbox_status as
 SELECT source.name AS source,
    source.epoch,
    latest.tick,
    ((latest.first_n + latest.events) - 1) AS last_n,
    source.acked_n,
    latest.taken_at AS last_tick_at,
    source.led_by,
    source.led_since,
    ( SELECT (outbox_slot.last_value % (3)::bigint)
           FROM banyan.outbox_slot) AS slot
   FROM (banyan.source
     CROSS JOIN LATERAL ( SELECT tick.tick,
            tick.snapshot,
            tick.first_n,
            tick.events,
            tick.heads,
            tick.first_seq,
            tick.last_seq,
            tick.last_event_id,
            tick.taken_at
           FROM banyan.tick
          ORDER BY tick.tick DESC
         LIMIT 1) latest);

CREATE OR REPLACE FUNCTION banyan.adopt_debezium_outbox(outbox regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  missing text;
  kind    text;
begin
  select string_agg(needed, ', ' order by place) into missing
  from unnest(array['id', 'aggregatetype', 'aggregateid', 'type', 'payload']) with ordinality as must (needed, place)
  where not exists (select from pg_attribute where attrelid = outbox and attname = needed and attnum > 0 and not attisdropped);
  if missing is not null then
    raise exception 'banyan.adopt_debezium_outbox: % has no column %', outbox, missing
      using errcode = 'ZB006', hint = 'It must have the columns id, aggregatetype, aggregateid, type and payload.';
  end if;
  select format_type(atttypid, null) into kind from pg_attribute where attrelid = outbox and attname = 'payload';
  execute format(
    'create or replace trigger banyan_debezium after insert on %s for each row execute function banyan.emit_debezium_row(%L)',
    outbox, kind);
end $function$
;

CREATE OR REPLACE FUNCTION banyan.capture_disable(captured regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('drop trigger if exists banyan_capture on %s', captured);
  execute format('drop trigger if exists banyan_capture_truncate on %s', captured);
end $function$
;

CREATE OR REPLACE FUNCTION banyan.capture_enable(captured regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  columns text[];
begin
  select array_agg(a.attname order by k.place) into columns
  from pg_index i
  cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where i.indrelid = captured and i.indisprimary;
  if columns is null then
    raise exception 'banyan.capture: % has no primary key', captured
      using errcode = 'ZB006', hint = 'Give it one: events need a key that names their row.';
  end if;
  execute format(
    'create or replace trigger banyan_capture after insert or update or delete on %s for each row execute function banyan.emit_captured_row(%L)',
    captured, columns::text);
  execute format(
    'create or replace trigger banyan_capture_truncate before truncate on %s for each statement execute function banyan.refuse_truncate()',
    captured);
end $function$
;

CREATE OR REPLACE FUNCTION banyan.captured_key(content jsonb, columns text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
RETURN (SELECT string_agg(replace(replace((captured_key.content ->> key.name), '%'::text, '%25'::text), '/'::text, '%2F'::text), '/'::text ORDER BY key.place) AS string_agg FROM unnest(captured_key.columns) WITH ORDINALITY key(name, place))
;

CREATE OR REPLACE FUNCTION banyan.check_headers(given jsonb)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
declare
  header record;
begin
  if given is null or jsonb_typeof(given) <> 'object' then
    raise exception 'banyan.emit: headers must be a JSON object, not %', coalesce(jsonb_typeof(given), 'null')
      using errcode = 'ZB004', hint = 'Leave them out for none: the default is {}.';
  end if;
  for header in select key, value, jsonb_typeof(value) as kind, value #>> '{}' as content from jsonb_each(given) loop
    if header.key !~ '^[A-Za-z0-9_-]{1,128}$' then
      raise exception 'banyan.emit: header name % is unusable', to_json(header.key)
        using errcode = 'ZB004', hint = 'Use 1 to 128 of the characters A-Z a-z 0-9 _ and -.';
    end if;
    if (header.key ~* '^(ce-|nats-|banyan-(?!(stage|token|backfill)$))')
       or (header.key ~* '^content-type$' and header.key <> 'content-type') then
      raise exception 'banyan.emit: header name % is reserved', to_json(header.key)
        using errcode = 'ZB004', hint = 'The relay writes the ce-, Nats- and Banyan- headers itself; content-type is written in lower case.';
    end if;
    if header.kind <> 'string' or not banyan.is_clean(header.content) then
      raise exception 'banyan.emit: value % of header % is unusable', left(header.value::text, 200), header.key
        using errcode = 'ZB004', hint = 'A value is a string without control characters and without blanks at its edges.';
    end if;
  end loop;
end $function$
;

CREATE OR REPLACE FUNCTION banyan.check_name(what text, given text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
begin
  if given is null then
    raise exception 'banyan.emit: % is null', what using errcode = 'ZB005', hint = 'Give a name such as ProjectRenamed.';
  end if;
  raise exception 'banyan.emit: % % cannot be part of a subject', what, to_json(given)
    using errcode = 'ZB002', hint = 'Use 1 to 64 of the characters A-Z a-z 0-9 _ and -.';
end $function$
;

CREATE OR REPLACE FUNCTION banyan.check_shards(shards integer)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.emit(aggregate_type text, aggregate_id text, event_type text, payload bytea, aggregate_version bigint DEFAULT NULL::bigint, headers jsonb DEFAULT '{}'::jsonb, event_id uuid DEFAULT gen_random_uuid())
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.emit_captured_row()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  after  jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  was    text := banyan.captured_key(before, tg_argv[0]::text[]);
  is_now text := banyan.captured_key(after, tg_argv[0]::text[]);
begin
  if tg_op = 'UPDATE' and was = is_now then
    if before is distinct from after then
      perform banyan.emit_change(tg_table_name, is_now, 'RowUpdated', before, after);
    end if;
    return null;
  end if;
  if was is not null then perform banyan.emit_change(tg_table_name, was, 'RowDeleted', before, null); end if;
  if is_now is not null then perform banyan.emit_change(tg_table_name, is_now, 'RowInserted', null, after); end if;
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION banyan.emit_change(table_name text, key text, event_type text, before jsonb, after jsonb)
 RETURNS void
 LANGUAGE sql
BEGIN ATOMIC
 SELECT banyan.emit(table_name, key, event_type, convert_to((jsonb_build_object('before', before, 'after', after))::text, 'UTF8'::name), NULL::bigint, '{"content-type": "application/json"}'::jsonb) AS emit;
END
;

CREATE OR REPLACE FUNCTION banyan.emit_debezium_row()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  content jsonb := to_jsonb(new);
  kind    text := tg_argv[0];
  payload bytea;
begin
  -- The names are those of Debezium's outbox event router; further columns are ignored.
  payload := case kind
    when 'bytea' then decode(substr(content ->> 'payload', 3), 'hex')
    else convert_to(content ->> 'payload', 'UTF8')
  end;
  perform banyan.emit(
    content ->> 'aggregatetype', content ->> 'aggregateid', content ->> 'type', coalesce(payload, ''::bytea), null,
    jsonb_build_object('content-type', case kind when 'bytea' then 'application/octet-stream' else 'application/json' end),
    (content ->> 'id')::uuid
  );
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION banyan.empty_slot(slot integer, keep interval)
 RETURNS text
 LANGUAGE plpgsql
 SET lock_timeout TO '50ms'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.is_clean(given text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN (given !~ '[\x01-\x1f\x7f]|^[\s\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]|[\s\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]$'::text)
;

CREATE OR REPLACE FUNCTION banyan.lock_key(aggregate_type text, aggregate_id text)
 RETURNS void
 LANGUAGE sql
BEGIN ATOMIC
 SELECT pg_advisory_xact_lock(hashtextextended(((aggregate_type || '/'::text) || aggregate_id), (6218)::bigint)) AS pg_advisory_xact_lock;
END
;

CREATE OR REPLACE FUNCTION banyan.mark_acked(tick bigint, keep interval)
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into banyan.acked_mark (tick) values (mark_acked.tick) on conflict do nothing;
  delete from banyan.acked_mark
  where noted_at < (select max(noted_at) from banyan.acked_mark where noted_at <= clock_timestamp() - keep)
$function$
;

CREATE OR REPLACE FUNCTION banyan.max_event_bytes()
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN 1000000
;

CREATE OR REPLACE FUNCTION banyan.move_to_slot(slot integer)
 RETURNS void
 LANGUAGE sql
AS $function$
  select setval('banyan.outbox_slot', last_value + (slot - last_value % 3 + 3) % 3) from banyan.outbox_slot
$function$
;

CREATE OR REPLACE FUNCTION banyan.partition_of(aggregate_type text, aggregate_id text)
 RETURNS smallint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((get_byte(sha256(convert_to(((aggregate_type || '/'::text) || aggregate_id), 'UTF8'::name)), 0) & 63))::smallint
;

CREATE OR REPLACE FUNCTION banyan.present_epoch()
 RETURNS integer
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN CASE WHEN (banyan.shards() = 1) THEN (SELECT source.epoch FROM banyan.source) ELSE NULL::integer END
;

CREATE OR REPLACE FUNCTION banyan.prune_ticks(most integer)
 RETURNS bigint
 LANGUAGE sql
AS $function$
  with pruned as (
    delete from banyan.tick where tick in (
      select tick from banyan.tick where tick < (select retained_after_tick from banyan.source) order by tick limit most
    ) returning 1
  )
  select count(*) from pruned
$function$
;

CREATE OR REPLACE FUNCTION banyan.put(part smallint, event_id uuid, aggregate_type text, aggregate_id text, aggregate_version bigint, event_type text, payload bytea, headers jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.refuse_stray()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'banyan.emit: the number of shards changed while this event was written'
    using errcode = '40001', hint = 'Run the transaction again. Write with banyan.emit only.';
end $function$
;

CREATE OR REPLACE FUNCTION banyan.refuse_truncate()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'banyan.capture: % is captured, and TRUNCATE tells of no rows', tg_relid::regclass
    using errcode = 'ZB007', hint = 'DELETE the rows, or call banyan.capture_disable first and rebuild what follows the table.';
end $function$
;

CREATE OR REPLACE FUNCTION banyan.release_debezium_outbox(outbox regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('drop trigger if exists banyan_debezium on %s', outbox);
end $function$
;

CREATE OR REPLACE FUNCTION banyan.set_shards(shards integer, drained boolean DEFAULT false)
 RETURNS void
 LANGUAGE plpgsql
 SET lock_timeout TO '200ms'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.shard_progress(schema text, OUT is_new boolean, OUT last_n bigint, OUT acked_n bigint, OUT is_acked boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.shard_schemas()
 RETURNS TABLE(shard integer, schema text)
 LANGUAGE sql
 STABLE
AS $function$
  select 0, 'banyan'
  union all
  select substr(nspname, 8)::integer, nspname::text from pg_namespace
  where nspname ~ '^banyan_[1-9][0-9]?$' and to_regclass(format('%I.outbox', nspname)) is not null
  order by 1
$function$
;

CREATE OR REPLACE FUNCTION banyan.shards()
 RETURNS integer
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN 1
;

CREATE OR REPLACE FUNCTION banyan.slot_completed_by(slot integer)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.slot_is_within(slot integer, seen pg_snapshot)
 RETURNS boolean
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
declare
  beyond boolean;
begin
  execute format(
    'select exists (select from banyan.%1$I where xid >= $1) or exists (select from banyan.%1$I where xid = any ($2))',
    'outbox_' || slot
  ) into beyond using pg_snapshot_xmax(seen), array(select pg_snapshot_xip(seen));
  return not beyond;
end $function$
;
