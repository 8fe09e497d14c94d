-- What a replica deleted, for as long as callers may hold tokens of it: "gone at version 7" answers a token of version 7.
-- Not breaking: creates a new table only.

create table banyan.tombstone (
  -- The replica's table.
  replica    text        not null,
  key        text        not null,
  version    bigint      not null,
  deleted_at timestamptz not null default now(),
  primary key (replica, key)
);

create index tombstone_age on banyan.tombstone (deleted_at);
