-- The outbox: what a service publishes, written in the same transaction as the change that it tells of.
--
-- Rows are only ever inserted. They are kept in three slots (list partitions); whole slots are emptied after their
-- retention, so that publishing leaves no dead tuples. Idea: PgQ's rotating event tables.
-- Not breaking: creates new objects only.

create sequence banyan.outbox_slot minvalue 0 start 0;
select setval('banyan.outbox_slot', 0);

comment on sequence banyan.outbox_slot is
  'last_value modulo 3 is the slot that is written now. A sequence, because it is read without a snapshot and leaves no dead tuples when it moves.';

create table banyan.outbox (
  seq               bigint generated always as identity (cache 1),
  slot              smallint    not null,
  xid               xid8        not null default pg_current_xact_id(),
  event_id          uuid        not null,
  partition         smallint    not null,
  aggregate_type    text        not null,
  aggregate_id      text        not null,
  aggregate_version bigint,
  event_type        text        not null,
  payload           bytea       not null,
  headers           jsonb       not null,
  emitted_at        timestamptz not null default clock_timestamp(),
  primary key (seq, slot)
) partition by list (slot);

-- Payloads are protobuf, mostly small and rarely compressible: do not spend the writer's time on trying.
alter table banyan.outbox alter column payload set storage external;

create table banyan.outbox_0 partition of banyan.outbox for values in (0);
create table banyan.outbox_1 partition of banyan.outbox for values in (1);
create table banyan.outbox_2 partition of banyan.outbox for values in (2);

-- A batch is found by transaction id; a large one is paged in the order of seq.
create index outbox_xid on banyan.outbox (xid);

comment on table banyan.outbox is 'Committed facts of this source, oldest first by seq within a key. Write with banyan.emit only.';

-- One row: which source this database is, and how far its stream is known to be.
create table banyan.source (
  singleton         boolean     primary key default true check (singleton),
  name              text,
  epoch             integer     not null default 1 check (epoch >= 1),
  system_identifier bigint,
  timeline          integer,
  acked_tick        bigint      not null default 0,
  acked_n           bigint      not null default 0,
  led_by            text,
  led_since         timestamptz
) with (fillfactor = 50);

comment on column banyan.source.acked_n is
  'Every position up to this one was acknowledged by the stream. Coarse: it may lag behind, never run ahead.';

insert into banyan.source default values;

-- Recorded snapshots. The events between two ticks are those visible in the later and not in the earlier, by seq; so the
-- position of each event can be computed again for as long as its row is retained.
create table banyan.tick (
  tick          bigint      primary key,
  snapshot      pg_snapshot not null,
  first_n       bigint      not null,
  events        bigint      not null,
  heads         bigint[]    not null check (cardinality(heads) = 64),
  first_seq     bigint,
  last_seq      bigint,
  last_event_id uuid,
  taken_at      timestamptz not null
);

comment on column banyan.tick.first_n is 'Position of the batch''s first event; the batch ends at first_n + events - 1.';
comment on column banyan.tick.heads is 'Last position of each partition, as of the end of this batch; 0 where none.';

-- Nothing can have been emitted before this migration commits: tick 0 is the empty beginning.
insert into banyan.tick (tick, snapshot, first_n, events, heads, taken_at)
values (0, pg_current_snapshot(), 1, 0, array_fill(0::bigint, array[64]), now());

-- 2 while the relay sleeps and wants a NOTIFY, else 1. A sequence for the same reasons as the slot: a writer sees the
-- value of this instant, whatever its snapshot.
create sequence banyan.relay_asleep minvalue 1 maxvalue 2 start 1;
select setval('banyan.relay_asleep', 1);
