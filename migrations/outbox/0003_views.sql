-- What dashboards may read; the tables behind may change.
-- Not breaking: creates a new view only.

create view banyan.outbox_status as
select
  source.name                                           as source,
  source.epoch,
  latest.tick,
  latest.first_n + latest.events - 1                    as last_n,
  source.acked_n,
  latest.taken_at                                       as last_tick_at,
  source.led_by,
  source.led_since,
  (select last_value % 3 from banyan.outbox_slot)       as slot
from banyan.source
cross join lateral (select * from banyan.tick order by tick desc limit 1) latest;
