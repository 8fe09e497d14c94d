-- banyan.emit: publish inside one's own transaction, from any language.
--
-- Whatever could not be published is refused here, in the writer's transaction, so that the relay never meets an event
-- that it cannot send. SQLSTATEs (class ZB, in the range left to applications):
--   ZB001 event too large      ZB002 name unusable in a subject    ZB003 aggregate id unusable
--   ZB004 headers unusable     ZB005 something required is null
-- Not breaking: creates new functions only.

-- Where the order is promised: one of 64 partitions, from the aggregate's key. The low six bits of the first byte of
-- SHA-256 over the UTF-8 text "<aggregate type>/<aggregate id>".
create function banyan.partition_of(aggregate_type text, aggregate_id text) returns smallint
language sql immutable strict parallel safe
return (get_byte(sha256(convert_to(aggregate_type || '/' || aggregate_id, 'UTF8')), 0) & 63)::smallint;

-- Payload plus headers, in bytes. Leaves 48 KB of NATS's default max_payload (1 MiB) to the headers that the relay adds.
create function banyan.max_event_bytes() returns integer
language sql immutable parallel safe
return 1000000;

-- No control character anywhere, no blank (in Unicode's sense: readers trim those too) at either edge.
create function banyan.is_clean(given text) returns boolean
language sql immutable strict parallel safe
return given !~ '[\x01-\x1f\x7f]|^[\s\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]|[\s\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]$';

create function banyan.check_name(what text, given text) returns void
language plpgsql immutable parallel safe as $$
begin
  if given is null then
    raise exception 'banyan.emit: % is null', what using errcode = 'ZB005', hint = 'Give a name such as ProjectRenamed.';
  end if;
  raise exception 'banyan.emit: % % cannot be part of a subject', what, to_json(given)
    using errcode = 'ZB002', hint = 'Use 1 to 64 of the characters A-Z a-z 0-9 _ and -.';
end $$;

create function banyan.check_headers(given jsonb) returns void
language plpgsql immutable parallel safe as $$
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
    if header.key ~* '^(ce-|nats-|banyan-(?!(stage|token)$)|content-type$)' then
      raise exception 'banyan.emit: header name % is reserved', to_json(header.key)
        using errcode = 'ZB004', hint = 'The relay writes the ce-, Nats-, Banyan- and content-type headers itself.';
    end if;
    if header.kind <> 'string' or not banyan.is_clean(header.content) then
      raise exception 'banyan.emit: value % of header % is unusable', left(header.value::text, 200), header.key
        using errcode = 'ZB004', hint = 'A value is a string without control characters and without blanks at its edges.';
    end if;
  end loop;
end $$;

create function banyan.emit(
  aggregate_type text, aggregate_id text, event_type text, payload bytea,
  aggregate_version bigint default null, headers jsonb default '{}', event_id uuid default gen_random_uuid()
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_variable
declare
  bytes integer;
  -- Simple expressions, which PL/pgSQL evaluates without starting the executor: emit is on every writer's path.
  slot smallint := pg_sequence_last_value('banyan.outbox_slot') % 3;
  part smallint := get_byte(sha256(convert_to(aggregate_type || '/' || aggregate_id, 'UTF8')), 0) & 63;
begin
  if aggregate_type is null or aggregate_type !~ '^[A-Za-z0-9_-]{1,64}$' then
    perform banyan.check_name('aggregate type', aggregate_type);
  end if;
  if event_type is null or event_type !~ '^[A-Za-z0-9_-]{1,64}$' then
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

  insert into banyan.outbox
    (slot, event_id, partition, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers)
  values (slot, event_id, part, aggregate_type, aggregate_id, aggregate_version, event_type, payload, headers);

  -- Read after the insert: this transaction has its id by now, so a relay that falls asleep later knows to wait for it.
  if pg_sequence_last_value('banyan.relay_asleep') = 2 and current_setting('banyan.notify', true) is distinct from 'off' then
    perform pg_notify('banyan_outbox', '');
  end if;
  return event_id;
end $$;

comment on function banyan.emit is
  'Publishes an event when, and only when, the calling transaction commits. Change (and so lock) the aggregate''s row first, or call banyan.lock_key. "set banyan.notify = off" for transactions that cannot use NOTIFY, such as prepared ones.';

-- For writers that have no row to lock: call it before emit. Held until the transaction ends.
create function banyan.lock_key(aggregate_type text, aggregate_id text) returns void
language sql volatile
begin atomic
  select pg_advisory_xact_lock(hashtextextended(aggregate_type || '/' || aggregate_id, 6218));
end;
