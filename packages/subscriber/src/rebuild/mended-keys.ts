import type { Queryable } from '@banyan/runtime';
import { entriesOf, type SubscriberOptions } from '../options.js';
import type { RebuildRow } from './rebuild-store.js';

// What was skipped before the copy was made is in the snapshots, which are younger. Of what was skipped later nobody knows.
const MEND = `
with mended as (
  delete from banyan.parked_key k using jsonb_to_recordset($2) as b (source text, aggregate text)
  where k.subscriber = $1 and k.state = 'skipped' and k.aggregate = b.aggregate
    and (k.source = b.source or k.source ~ ('^' || b.source || '-[0-9]+$'))
    and not exists (select from banyan.skipped_event s
      where (s.subscriber, s.source, s.aggregate, s.aggregate_id) = (k.subscriber, k.source, k.aggregate, k.aggregate_id)
        and s.skipped_at >= $3)
  returning k.source, k.partition)
update banyan.position p set held_keys = held_keys - m.keys
from (select source, partition, count(*)::integer as keys from mended group by source, partition) m
where (p.subscriber, p.source, p.partition) = ($1, m.source, m.partition)`;

/** The aggregates of a rebuild of which nothing else of the subscriber keeps anything. */
export function aggregatesOnlyOf(
  { replica, backfills }: RebuildRow,
  handlers: SubscriberOptions['handlers'],
): RebuildRow['backfills'] {
  const others = entriesOf(handlers.filter((each) => !('options' in each) || each.options.table !== replica));
  const isKept = (source: string, aggregate: string): boolean =>
    others.some((entry) => entry.source === source && entry.aggregate === aggregate);
  return backfills.filter(({ source, aggregate }) => !isKept(source, aggregate));
}

/**
 * Frees the keys whose skipped events the rebuilt replica makes up for: they count as stale no longer. In the transaction of
 * the swap, under the locks of all positions; a rollback leaves them.
 */
export async function freeMendedKeys(
  tx: Queryable,
  { subscriber, requested_at: madeAt }: RebuildRow,
  aggregates: RebuildRow['backfills'],
): Promise<void> {
  await tx.query(MEND, [subscriber, JSON.stringify(aggregates), madeAt]);
}
