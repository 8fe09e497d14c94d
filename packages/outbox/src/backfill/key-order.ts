import type { Queryable } from '@banyan/runtime';
import { invalid, type Snapshots } from './snapshots.js';

const COLUMN_TYPES = `
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type
from pg_attribute a where a.attrelid = to_regclass($1) and a.attname = any ($2) and not a.attisdropped`;

const UNIQUE_KEYS = `
select array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality k (n, place)
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n where k.place <= i.indnkeyatts order by k.place) as columns
from pg_index i where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indpred is null
  and not exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey) and not a.attnotnull)`;

/**
 * The statements that lock the next rows in the order of the key.
 * @throws BanyanError BANYAN_BACKFILL_INVALID if the table has no such unique key
 */
export async function readLockSql(
  db: Queryable,
  snapshots: Snapshots,
): Promise<(isFirst: boolean) => string> {
  const { aggregate, table, key } = snapshots;
  const { rows: columns } = await db.query<{ name: string; type: string }>(COLUMN_TYPES, [table, key]);
  const types = key.map((name) => columns.find((column) => column.name === name)?.type);
  if (types.includes(undefined)) throw invalid(aggregate, `${table} has no column ${key.join(' or ')}`);
  const { rows: unique } = await db.query<{ columns: string[] }>(UNIQUE_KEYS, [table]);
  if (!unique.some((index) => index.columns.join() === key.join())) {
    throw invalid(
      aggregate,
      `${table} has no unique index on (${key.join(', ')}) without nulls, in that order`,
    );
  }
  const names = key.join(', ');
  const after = types.map((type, i) => `$${i + 2}::${type ?? ''}`).join(', ');
  const all = `array[${key.map((name) => `${name}::text`).join(', ')}] as key from ${table}`;
  const next = `order by ${names} limit $1 for no key update`;
  return (isFirst) => `select ${all} ${isFirst ? '' : `where (${names}) > (${after})`} ${next}`;
}
