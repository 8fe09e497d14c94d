-- Partitions are applied in lanes, side by side, by several instances. The fence is the row lock on the positions; a lease
-- only says who should try.
-- Breaking: an older subscriber reads its hint from banyan.subscription. Stop it before this is applied.

alter table banyan.position add column held_keys integer not null default 0 check (held_keys >= 0);
comment on column banyan.position.held_keys is 'Keys of the partition that have rows in banyan.parked_key; while 0 nobody looks there.';

-- Who takes part. Alive: not expired by this database's clock, and its connection still there.
create table banyan.subscriber_instance (
  subscriber    text        not null,
  source        text        not null,
  instance      text        not null,
  pid           integer     not null,
  backend_start timestamptz not null,
  started_at    timestamptz not null default now(),
  expires_at    timestamptz not null,
  primary key (subscriber, source, instance),
  foreign key (subscriber, source) references banyan.subscription on delete cascade
) with (fillfactor = 50);

-- A lane is the partitions p with floor(p * lanes / 64) = lane. Each number of lanes has rows of its own, so that instances with
-- another number may run beside them for a while: they may do work in vain, never wrong.
create table banyan.lane (
  subscriber      text     not null,
  source          text     not null,
  lanes           smallint not null check (lanes between 1 and 64),
  lane            smallint not null check (lane between 0 and 63),
  -- Null: free.
  instance        text,
  -- A hint where to go on reading: all before it is applied. Valid only for the stream created at this time.
  stream_created  text,
  stream_sequence bigint   not null default 0,
  primary key (subscriber, source, lanes, lane),
  foreign key (subscriber, source) references banyan.subscription on delete cascade
) with (fillfactor = 50);

drop view banyan.subscriber_status;
alter table banyan.subscription drop column stream_created, drop column stream_sequence;

create view banyan.subscriber_status as
select subscriber, source, started_at, max(position.epoch) as epoch, max(position.n) as last_n,
  sum(position.held_keys)::integer as held_keys,
  (select count(*)::integer from banyan.subscriber_instance i
   where (i.subscriber, i.source) = (subscription.subscriber, subscription.source) and i.expires_at > now()) as instances
from banyan.subscription join banyan.position using (subscriber, source)
group by subscriber, source, started_at;
