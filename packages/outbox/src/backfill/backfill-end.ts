import { shardsOf, type BackfillEnd } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';

/** The first tick that sees the transaction, if the stream has acknowledged it. Of a later one if ticks were pruned. */
const endSql = (schema: string): string => `
select s.epoch, t.heads from ${schema}.source s cross join lateral (
  select * from ${schema}.tick where pg_visible_in_snapshot($1::xid8, snapshot) order by tick limit 1) t
where s.acked_n >= t.first_n + t.events - 1`;

/**
 * Where each shard's stream held everything up to a transaction.
 * @param lastXid the transaction; null: there was nothing to emit
 * @returns undefined until all of it is known to be in the streams
 */
export async function readEnd(
  db: Queryable,
  source: string,
  lastXid: string | null,
): Promise<BackfillEnd[] | undefined> {
  if (lastXid === null) return [];
  const counted = await db.query<{ shards: number }>('select banyan.shards() as shards');
  const ends: BackfillEnd[] = [];
  for (const [shard, name] of shardsOf(source, counted.rows[0]?.shards ?? 1).entries()) {
    const schema = shard === 0 ? 'banyan' : `banyan_${shard}`;
    const { rows } = await db.query<{ epoch: number; heads: string[] }>(endSql(schema), [lastXid]);
    const [row] = rows;
    if (row === undefined) return undefined;
    ends.push({ source: name, epoch: row.epoch, heads: row.heads.map(Number) });
  }
  return ends;
}
