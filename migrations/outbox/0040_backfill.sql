-- Backfills: the source emits a snapshot of each of its rows through its own outbox, for readers that were not there when the
-- rows came to be, or that lost some. The work is done by the source's own processes (see docs/backfill.md); this is where
-- they keep how far it is, in the transactions that emit: a kill at any moment neither loses nor doubles a row.
--
-- Snapshots carry the header banyan-backfill with the id of their backfill; check_headers lets it through from here on.
-- Not breaking: creates new objects, and accepts more than before. It is one table a source, whatever its shards.

create table banyan.backfill (
  id              uuid        primary key,
  aggregate       text        not null,
  state           text        not null default 'running'
                  check (state in ('running', 'paused', 'done', 'failed', 'cancelled')),
  -- Transactions that were open when it was asked for and have not been seen to end. It begins when there are none.
  waits_for       text[]      not null,
  -- The key of the last row that was emitted, a text for each column; null before the first.
  after_key       text[],
  emitted         bigint      not null default 0,
  -- By the planner's statistics; null where there are none.
  estimated       bigint,
  rows_per_second integer     not null check (rows_per_second > 0),
  -- Why it is slower than that; null if it is not.
  slowed_by       text,
  requested_by    text        not null,
  requested_at    timestamptz not null default clock_timestamp(),
  begun_at        timestamptz,
  updated_at      timestamptz not null default clock_timestamp(),
  ended_at        timestamptz,
  last_error      text,
  -- The transaction that emitted last: what has applied its events has applied all of them.
  last_xid        xid8,
  -- Which process works on it. A hint: the fence is the lock on this row.
  held_by         text,
  held_until      timestamptz
) with (fillfactor = 50);

create unique index backfill_open on banyan.backfill (aggregate) where state in ('running', 'paused', 'failed');

comment on table banyan.backfill is 'Snapshots of rows, on their way into the outbox. Ask with `banyan backfill`.';

-- Everything in this database that has begun and not ended, as CREATE INDEX CONCURRENTLY sees it: also transactions that have
-- written nothing yet, which have no xid, but may go on to write.
create view banyan.open_transaction as
select l.virtualtransaction as transaction, l.pid, coalesce(a.application_name, '') as application, a.xact_start as since
from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'virtualxid' and a.datname = current_database() and l.pid <> pg_backend_pid()
  and coalesce(a.backend_type, '') not in ('autovacuum worker', 'walsender')
union all
select 'prepared ' || gid, null, 'prepared transaction of ' || owner, prepared from pg_prepared_xacts
where database = current_database();

create or replace function banyan.check_headers(given jsonb) returns void
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
end $$;
