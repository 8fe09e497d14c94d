-- What could not be applied: a key whose event fails is set aside with all its later events, in order, and every other key
-- goes on. Rows here and the position move in one transaction, under the lock of the position's row.
-- Not breaking: creates new objects only.

create table banyan.parked_key (
  subscriber      text        not null,
  source          text        not null,
  aggregate       text        not null,
  aggregate_id    text        not null,
  partition       smallint    not null,
  -- retrying: tried again at next_attempt_at. parked: waits for a person. skipped: goes on, but without some of its events.
  state           text        not null check (state in ('retrying', 'parked', 'skipped')),
  -- Failed attempts of the first event in the queue.
  attempts        integer     not null default 0,
  last_error      text,
  next_attempt_at timestamptz,
  -- Some of its events were given up: what was kept of the key is stale until it is rebuilt.
  skipped         boolean     not null default false,
  since           timestamptz not null default now(),
  primary key (subscriber, source, aggregate, aggregate_id),
  foreign key (subscriber, source, partition) references banyan.position on delete cascade
);

-- The events of those keys: the first is the one that fails, the others wait behind it.
create table banyan.parked_event (
  subscriber   text        not null,
  source       text        not null,
  epoch        integer     not null,
  n            bigint      not null,
  partition    smallint    not null,
  aggregate    text        not null,
  aggregate_id text        not null,
  type         text        not null,
  event_id     text        not null,
  version      bigint,
  emitted_at   timestamptz not null,
  headers      jsonb       not null,
  payload      bytea       not null,
  primary key (subscriber, source, epoch, n),
  foreign key (subscriber, source, aggregate, aggregate_id) references banyan.parked_key on delete cascade
);

create index parked_event_key on banyan.parked_event (subscriber, source, aggregate, aggregate_id, epoch, n);

-- What was given up, by whom and why.
create table banyan.skipped_event (
  like banyan.parked_event,
  last_error text,
  reason     text        not null,
  skipped_by text        not null,
  skipped_at timestamptz not null default now(),
  primary key (subscriber, source, epoch, n)
);

create view banyan.parked as
select k.subscriber, k.source, k.aggregate, k.aggregate_id, k.partition, k.state, k.attempts, k.last_error,
  k.next_attempt_at, k.skipped, k.since, q.events, q.epoch, q.first_n, q.type, q.oldest_at
from banyan.parked_key k
left join lateral (
  select count(*)::integer as events, min(e.epoch) as epoch, min(e.n) as first_n,
    (array_agg(e.type order by e.epoch, e.n))[1] as type, min(e.emitted_at) as oldest_at
  from banyan.parked_event e
  where (e.subscriber, e.source, e.aggregate, e.aggregate_id) = (k.subscriber, k.source, k.aggregate, k.aggregate_id)
) q on true;

-- Asks the running subscriber to try a parked key again now. False: there is no such key, or nothing waits in it.
create function banyan.retry_parked(p_subscriber text, p_source text, p_aggregate text, p_aggregate_id text) returns boolean
language sql as $$
  with asked as (
    update banyan.parked_key k set state = 'retrying', next_attempt_at = now()
    where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
      and k.state <> 'skipped'
    returning 1)
  select exists (select from asked)
$$;

-- Gives up the first event of a parked key, or all that wait in it; what is left is tried at once. No handler runs, so this
-- needs no running subscriber: the lock on the position's row keeps one from applying meanwhile. Returns the events skipped.
create function banyan.skip_parked(p_subscriber text, p_source text, p_aggregate text, p_aggregate_id text,
                                   p_all boolean, p_reason text, p_by text) returns integer
language plpgsql as $$
declare
  v_partition smallint;
  v_skipped integer;
begin
  if coalesce(p_reason, '') = '' or coalesce(p_by, '') = '' then
    raise exception 'skipping needs a reason and a name' using errcode = 'invalid_parameter_value';
  end if;
  select partition into v_partition from banyan.parked_key k
  where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id);
  -- Lock first, in a statement of its own: what is read before it may be stale after it.
  perform from banyan.position p where (p.subscriber, p.source, p.partition) = (p_subscriber, p_source, v_partition)
  for update;
  with given_up as (
    delete from banyan.parked_event e
    where (e.subscriber, e.source, e.aggregate, e.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
      and (p_all or (e.epoch, e.n) = (
        select f.epoch, f.n from banyan.parked_event f
        where (f.subscriber, f.source, f.aggregate, f.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
        order by f.epoch, f.n limit 1))
    returning e.*)
  insert into banyan.skipped_event
  select e.*, k.last_error, p_reason, p_by, now() from given_up e
  join banyan.parked_key k using (subscriber, source, aggregate, aggregate_id);
  get diagnostics v_skipped = row_count;
  update banyan.parked_key k set attempts = 0, last_error = null, skipped = true,
    (state, next_attempt_at) = (
      select case when count(*) = 0 then 'skipped' else 'retrying' end, case when count(*) > 0 then now() end
      from banyan.parked_event e
      where (e.subscriber, e.source, e.aggregate, e.aggregate_id) = (k.subscriber, k.source, k.aggregate, k.aggregate_id))
  where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
    and v_skipped > 0;
  return v_skipped;
end $$;
