-- Rebuilds: a replica's second copy is filled beside the live one by the same subscriber, from a backfill and from all events
-- that come meanwhile; compared with it, then put in its place. A row here is seen by every batch, because it is written
-- and ended under the locks of all of the subscriber's positions.
-- Not breaking, but a subscriber from before does not fill copies: replace all instances before the first rebuild.

create table banyan.rebuild (
  id           uuid        primary key,
  subscriber   text        not null,
  -- The replica's table, as the subscriber names it; its copy, and what the live one is called once it is the old one.
  replica      text        not null,
  copy         text        not null,
  old          text        not null,
  -- [{"source", "aggregate", "id"}]: the backfills whose snapshots go into the copy only.
  backfills    jsonb       not null,
  -- building: being filled. ready: compared, and kept up to date. Then swapped or aborted.
  state        text        not null default 'building' check (state in ('building', 'ready', 'swapped', 'aborted')),
  swap         boolean     not null default false,
  drop_old     boolean     not null default false,
  old_dropped  boolean     not null default false,
  doing        text,
  comparison   jsonb,
  -- Transactions from before the copy was complete: they could see part of it.
  waits_for    text[],
  last_error   text,
  requested_by text        not null,
  requested_at timestamptz not null default clock_timestamp(),
  updated_at   timestamptz not null default clock_timestamp(),
  ended_at     timestamptz
);

create unique index rebuild_open on banyan.rebuild (subscriber, replica) where state in ('building', 'ready');

-- Another history, which an operator has accepted: a partition goes over into it at its first event there, after all that it
-- has of the history before.
alter table banyan.subscription add column accepts_epoch integer;
