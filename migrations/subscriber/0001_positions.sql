-- Where each subscriber stands, in the database that its handlers write to: a position moves in the transaction of the
-- writes that it stands for, so redelivery, crash and takeover change nothing.
-- Not breaking: creates new objects only.

create table banyan.subscription (
  subscriber      text        not null,
  source          text        not null,
  -- A hint where to go on reading: valid only for the stream created at this time.
  stream_created  text,
  stream_sequence bigint      not null default 0,
  started_at      timestamptz not null default now(),
  primary key (subscriber, source)
) with (fillfactor = 50);

-- The source's own positions, not the stream's sequences: epoch 0 means that nothing was applied yet.
create table banyan.position (
  subscriber text     not null,
  source     text     not null,
  partition  smallint not null check (partition between 0 and 63),
  epoch      integer  not null default 0,
  n          bigint   not null default 0,
  primary key (subscriber, source, partition),
  foreign key (subscriber, source) references banyan.subscription on delete cascade
) with (fillfactor = 50);

create view banyan.subscriber_status as
select subscriber, source, stream_sequence, started_at, max(position.epoch) as epoch, max(position.n) as last_n
from banyan.subscription join banyan.position using (subscriber, source)
group by subscriber, source, stream_sequence, started_at;
