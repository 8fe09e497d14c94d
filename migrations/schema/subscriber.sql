create table banyan."position" (
  subscriber text not null,
  source text not null,
  partition smallint not null,
  epoch integer not null default 0,
  n bigint not null default 0,
  held_keys integer not null default 0) with (fillfactor=50);

create table banyan.lane (
  subscriber text not null,
  source text not null,
  lanes smallint not null,
  lane smallint not null,
  instance text,
  stream_created text,
  stream_sequence bigint not null default 0) with (fillfactor=50);

create table banyan.parked_event (
  subscriber text not null,
  source text not null,
  epoch integer not null,
  n bigint not null,
  partition smallint not null,
  aggregate text not null,
  aggregate_id text not null,
  type text not null,
  event_id text not null,
  version bigint,
  emitted_at timestamp with time zone not null,
  headers jsonb not null,
  payload bytea not null);

create table banyan.parked_key (
  subscriber text not null,
  source text not null,
  aggregate text not null,
  aggregate_id text not null,
  partition smallint not null,
  state text not null,
  attempts integer not null default 0,
  last_error text,
  next_attempt_at timestamp with time zone,
  skipped boolean not null default false,
  since timestamp with time zone not null default now());

create table banyan.reaction_done (
  edge text not null,
  event_id uuid not null,
  done_by text not null,
  outcome text not null default 'done'::text,
  answer bytea default '\x'::bytea,
  emitted_at timestamp with time zone not null,
  done_at timestamp with time zone not null default now(),
  passed boolean not null) with (fillfactor=80);

create table banyan.rebuild (
  id uuid not null,
  subscriber text not null,
  replica text not null,
  copy text not null,
  old text not null,
  backfills jsonb not null,
  state text not null default 'building'::text,
  swap boolean not null default false,
  drop_old boolean not null default false,
  old_dropped boolean not null default false,
  doing text,
  comparison jsonb,
  waits_for text[],
  last_error text,
  requested_by text not null,
  requested_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  ended_at timestamp with time zone);

create table banyan.skipped_event (
  subscriber text not null,
  source text not null,
  epoch integer not null,
  n bigint not null,
  partition smallint not null,
  aggregate text not null,
  aggregate_id text not null,
  type text not null,
  event_id text not null,
  version bigint,
  emitted_at timestamp with time zone not null,
  headers jsonb not null,
  payload bytea not null,
  last_error text,
  reason text not null,
  skipped_by text not null,
  skipped_at timestamp with time zone not null default now(),
  forgotten_at timestamp with time zone,
  forgotten_by text,
  forgotten_because text);

create table banyan.subscriber_instance (
  subscriber text not null,
  source text not null,
  instance text not null,
  pid integer not null,
  backend_start timestamp with time zone not null,
  started_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  lanes smallint) with (fillfactor=50);

create table banyan.subscription (
  subscriber text not null,
  source text not null,
  started_at timestamp with time zone not null default now(),
  accepts_epoch integer) with (fillfactor=50);

create table banyan.tombstone (
  replica text not null,
  key text not null,
  version bigint not null,
  deleted_at timestamp with time zone not null default now());

alter table banyan."position" add constraint position_held_keys_check CHECK ((held_keys >= 0));

alter table banyan."position" add constraint position_partition_check CHECK (((partition >= 0) AND (partition <= 63)));

alter table banyan."position" add constraint position_pkey PRIMARY KEY (subscriber, source, partition);

alter table banyan."position" add constraint position_subscriber_source_fkey FOREIGN KEY (subscriber, source) REFERENCES banyan.subscription(subscriber, source) ON DELETE CASCADE;

alter table banyan.lane add constraint lane_lane_check CHECK (((lane >= 0) AND (lane <= 63)));

alter table banyan.lane add constraint lane_lanes_check CHECK (((lanes >= 1) AND (lanes <= 64)));

alter table banyan.lane add constraint lane_pkey PRIMARY KEY (subscriber, source, lanes, lane);

alter table banyan.lane add constraint lane_subscriber_source_fkey FOREIGN KEY (subscriber, source) REFERENCES banyan.subscription(subscriber, source) ON DELETE CASCADE;

alter table banyan.parked_event add constraint parked_event_pkey PRIMARY KEY (subscriber, source, epoch, n);

alter table banyan.parked_event add constraint parked_event_subscriber_source_aggregate_aggregate_id_fkey FOREIGN KEY (subscriber, source, aggregate, aggregate_id) REFERENCES banyan.parked_key(subscriber, source, aggregate, aggregate_id) ON DELETE CASCADE;

alter table banyan.parked_key add constraint parked_key_pkey PRIMARY KEY (subscriber, source, aggregate, aggregate_id);

alter table banyan.parked_key add constraint parked_key_state_check CHECK ((state = ANY (ARRAY['retrying'::text, 'parked'::text, 'skipped'::text])));

alter table banyan.parked_key add constraint parked_key_subscriber_source_partition_fkey FOREIGN KEY (subscriber, source, partition) REFERENCES banyan."position"(subscriber, source, partition) ON DELETE CASCADE;

alter table banyan.reaction_done add constraint reaction_done_done_by_check CHECK ((done_by = ANY (ARRAY['call'::text, 'event'::text])));

alter table banyan.reaction_done add constraint reaction_done_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'refused'::text])));

alter table banyan.reaction_done add constraint reaction_done_pkey PRIMARY KEY (edge, event_id);

alter table banyan.rebuild add constraint rebuild_pkey PRIMARY KEY (id);

alter table banyan.rebuild add constraint rebuild_state_check CHECK ((state = ANY (ARRAY['building'::text, 'ready'::text, 'swapped'::text, 'aborted'::text])));

alter table banyan.skipped_event add constraint skipped_event_pkey PRIMARY KEY (subscriber, source, epoch, n);

alter table banyan.subscriber_instance add constraint subscriber_instance_pkey PRIMARY KEY (subscriber, source, instance);

alter table banyan.subscriber_instance add constraint subscriber_instance_subscriber_source_fkey FOREIGN KEY (subscriber, source) REFERENCES banyan.subscription(subscriber, source) ON DELETE CASCADE;

alter table banyan.subscription add constraint subscription_pkey PRIMARY KEY (subscriber, source);

alter table banyan.tombstone add constraint tombstone_pkey PRIMARY KEY (replica, key);

CREATE INDEX parked_event_key ON banyan.parked_event USING btree (subscriber, source, aggregate, aggregate_id, epoch, n);

CREATE INDEX reaction_done_age ON banyan.reaction_done USING btree (edge, emitted_at);

CREATE INDEX tombstone_age ON banyan.tombstone USING btree (deleted_at);

CREATE UNIQUE INDEX rebuild_open ON banyan.rebuild USING btree (subscriber, replica) WHERE (state = ANY (ARRAY['building'::text, 'ready'::text]));

create view banyan.parked as
 SELECT k.subscriber,
    k.source,
    k.aggregate,
    k.aggregate_id,
    k.partition,
    k.state,
    k.attempts,
    k.last_error,
    k.next_attempt_at,
    k.skipped,
    k.since,
    q.events,
    q.epoch,
    q.first_n,
    q.type,
    q.oldest_at
   FROM (banyan.parked_key k
     LEFT JOIN LATERAL ( SELECT (count(*))::integer AS events,
            min(e.epoch) AS epoch,
            min(e.n) AS first_n,
            (array_agg(e.type ORDER BY e.epoch, e.n))[1] AS type,
            min(e.emitted_at) AS oldest_at
           FROM banyan.parked_event e
          WHERE ((e.subscriber = k.subscriber) AND (e.source = k.source) AND (e.aggregate = k.aggregate) AND (e.aggregate_id = k.aggregate_id))) q ON (true));

create view banyan.subscriber_status as
 SELECT subscription.subscriber,
    subscription.source,
    subscription.started_at,
    max("position".epoch) AS epoch,
    max("position".n) AS last_n,
    (sum("position".held_keys))::integer AS held_keys,
    ( SELECT (count(*))::integer AS count
           FROM banyan.subscriber_instance i
          WHERE (((i.subscriber = subscription.subscriber) AND (i.source = subscription.source)) AND (i.expires_at > now()))) AS instances
   FROM (banyan.subscription
     JOIN banyan."position" USING (subscriber, source))
  GROUP BY subscription.subscriber, subscription.source, subscription.started_at;

CREATE OR REPLACE FUNCTION banyan.forget_skipped(p_subscriber text, p_source text, p_aggregate text, p_aggregate_id text, p_reason text, p_by text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION banyan.retry_parked(p_subscriber text, p_source text, p_aggregate text, p_aggregate_id text)
 RETURNS boolean
 LANGUAGE sql
AS $function$
  with asked as (
    update banyan.parked_key k set state = 'retrying', next_attempt_at = now()
    where (k.subscriber, k.source, k.aggregate, k.aggregate_id) = (p_subscriber, p_source, p_aggregate, p_aggregate_id)
      and k.state <> 'skipped'
    returning 1)
  select exists (select from asked)
$function$
;

CREATE OR REPLACE FUNCTION banyan.skip_parked(p_subscriber text, p_source text, p_aggregate text, p_aggregate_id text, p_all boolean, p_reason text, p_by text)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
end $function$
;
