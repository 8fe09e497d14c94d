create table banyan."position" (
  subscriber text not null,
  source text not null,
  partition smallint not null,
  epoch integer not null default 0,
  n bigint not null default 0) with (fillfactor=50);

create table banyan.subscription (
  subscriber text not null,
  source text not null,
  stream_created text,
  stream_sequence bigint not null default 0,
  started_at timestamp with time zone not null default now()) with (fillfactor=50);

alter table banyan."position" add constraint position_partition_check CHECK (((partition >= 0) AND (partition <= 63)));

alter table banyan."position" add constraint position_pkey PRIMARY KEY (subscriber, source, partition);

alter table banyan."position" add constraint position_subscriber_source_fkey FOREIGN KEY (subscriber, source) REFERENCES banyan.subscription(subscriber, source) ON DELETE CASCADE;

alter table banyan.subscription add constraint subscription_pkey PRIMARY KEY (subscriber, source);

create view banyan.subscriber_status as
 SELECT subscription.subscriber,
    subscription.source,
    subscription.stream_sequence,
    subscription.started_at,
    max("position".epoch) AS epoch,
    max("position".n) AS last_n
   FROM (banyan.subscription
     JOIN banyan."position" USING (subscriber, source))
  GROUP BY subscription.subscriber, subscription.source, subscription.stream_sequence, subscription.started_at;
