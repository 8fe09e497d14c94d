-- The epoch that this database's events belong to, for writers: what a caller has seen says in which history it was, because
-- versions of different histories cannot be compared. Null where there are several shards: each has an epoch of its own.
--
-- A function, and not the table, so that writers need no right on banyan.source.
-- Not breaking: creates a new function only.

create function banyan.present_epoch() returns integer
language sql stable security definer set search_path = pg_catalog, pg_temp
return case when banyan.shards() = 1 then (select epoch from banyan.source) end;

comment on function banyan.present_epoch is 'The epoch of this source; null if it has several shards.';
