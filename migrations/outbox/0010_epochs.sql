-- Epochs: the decisions of operators that this database's history, and no other, goes on in the stream.
--
-- Within an epoch positions can be computed from the ticks, back to the epoch's base tick. What is before it belongs to a
-- history that this database may not share.
-- Not breaking: creates a new table only.

create table banyan.epoch (
  epoch             integer     primary key check (epoch >= 1),
  base_tick         bigint      not null,
  base_n            bigint      not null,
  began_at          timestamptz not null default clock_timestamp(),
  decided_by        text        not null,
  reason            text        not null,
  system_identifier bigint,
  timeline          integer,
  stream_tail       text,
  republished       bigint      not null default 0
);

comment on table banyan.epoch is 'Who began each epoch, when and why. The newest is the one of banyan.source.';
comment on column banyan.epoch.base_tick is 'Its snapshot is where the epoch begins: what it sees is not published again, but for the rows counted in republished.';
comment on column banyan.epoch.base_n is 'Numbers go on after it, so that none is used twice in one stream.';
comment on column banyan.epoch.stream_tail is 'The position that the stream ended with when it was decided; null if it was empty.';

insert into banyan.epoch (epoch, base_tick, base_n, decided_by, reason)
select epoch, 0, 0, 'migration', 'the outbox was made' from banyan.source;
