-- For teams that write Debezium's outbox table (id, aggregatetype, aggregateid, type, payload): their writers stay as they
-- are, and what they insert is published through this outbox too, in the same transaction.
-- Not breaking: creates new functions only; a table is touched when its owner calls adopt_debezium_outbox.

create function banyan.emit_debezium_row() returns trigger
language plpgsql as $$
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
end $$;

create function banyan.adopt_debezium_outbox(outbox regclass) returns void
language plpgsql as $$
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
end $$;

comment on function banyan.adopt_debezium_outbox is
  'Publishes what is inserted into a table of Debezium''s shape. The rows stay; delete them when nothing else reads them.';

create function banyan.release_debezium_outbox(outbox regclass) returns void
language plpgsql as $$
begin
  execute format('drop trigger if exists banyan_debezium on %s', outbox);
end $$;
