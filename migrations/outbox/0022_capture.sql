-- For a legacy service that cannot be changed: a trigger on one of its tables publishes each row's changes through the same
-- outbox, in the transaction that makes them.
--
-- Events RowInserted, RowUpdated and RowDeleted, of an aggregate named after the table and identified by its primary key; the
-- payload is JSON: {"before": …, "after": …}. The row's own lock orders the events of one key. A change of the key is a
-- deletion and an insertion; an update that changes nothing is no event.
-- Not breaking: creates new functions only; a table is touched when capture_enable is called for it.

-- The columns of the key with / between them; a / or % of their own is percent-encoded, so that no two keys look the same.
create function banyan.captured_key(content jsonb, columns text[]) returns text
language sql immutable
return (
  select string_agg(replace(replace(content ->> name, '%', '%25'), '/', '%2F'), '/' order by place)
  from unnest(columns) with ordinality as key (name, place)
);

create function banyan.emit_captured_row() returns trigger
language plpgsql as $$
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
end $$;

create function banyan.emit_change(table_name text, key text, event_type text, before jsonb, after jsonb) returns void
language sql volatile
begin atomic
  select banyan.emit(table_name, key, event_type,
    convert_to(jsonb_build_object('before', before, 'after', after)::text, 'UTF8'), null, '{"content-type": "application/json"}');
end;

create function banyan.refuse_truncate() returns trigger
language plpgsql as $$
begin
  raise exception 'banyan.capture: % is captured, and TRUNCATE tells of no rows', tg_relid::regclass
    using errcode = 'ZB007', hint = 'DELETE the rows, or call banyan.capture_disable first and rebuild what follows the table.';
end $$;

create function banyan.capture_enable(captured regclass) returns void
language plpgsql as $$
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
end $$;

create function banyan.capture_disable(captured regclass) returns void
language plpgsql as $$
begin
  execute format('drop trigger if exists banyan_capture on %s', captured);
  execute format('drop trigger if exists banyan_capture_truncate on %s', captured);
end $$;

create view banyan.captured_table as
select tgrelid::regclass as captured, tgenabled <> 'D' as enabled from pg_trigger where tgname = 'banyan_capture';
