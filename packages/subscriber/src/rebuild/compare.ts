import type { ComparedRange, Comparison, RowDifference } from '@banyan/contracts';
import type { Client } from 'pg';

/** How many differing rows are shown, and into how many ranges the keys are divided. */
const SHOWN = 20;
const RANGES = 16;

export interface Compared {
  live: string;
  copy: string;
  key: string;
  columns: readonly string[];
}

/** Compares two tables row by row, in one snapshot: both are written in the same transactions, so they may be compared at any time. */
export async function compare(client: Client, compared: Compared): Promise<Comparison> {
  await client.query('begin isolation level repeatable read read only');
  try {
    const counts = await client.query<Counts>(countSql(compared));
    const ranges = await client.query<RangeRow>(rangeSql(compared));
    const differences = await client.query<RowDifference>(differenceSql(compared));
    const [row] = counts.rows;
    if (row === undefined) throw new Error('counting gave no row');
    const { compared_at: at, live, copy, wrong, missing, extra } = row;
    return {
      comparedAt: at.toISOString(),
      ...{ live: Number(live), copy: Number(copy) },
      ...{ wrong: Number(wrong), missing: Number(missing), extra: Number(extra) },
      ranges: ranges.rows.map(rangeOf),
      differences: differences.rows,
    };
  } finally {
    await client.query('rollback');
  }
}

interface Counts {
  compared_at: Date;
  live: string;
  copy: string;
  wrong: string;
  missing: string;
  extra: string;
}

interface RangeRow {
  from: string | null;
  to: string | null;
  live_rows: string;
  live_digest: string | null;
  copy_rows: string;
  copy_digest: string | null;
}

const rangeOf = (row: RangeRow): ComparedRange => ({
  from: row.from,
  to: row.to,
  live: { rows: Number(row.live_rows), digest: row.live_digest },
  copy: { rows: Number(row.copy_rows), digest: row.copy_digest },
});

/** Of each row the key, and a digest of what the replica writes. */
function digests({ key, columns }: Compared, table: string): string {
  return `(select ${key} as k, md5(row(${columns.map((name) => `t.${name}`).join(', ')})::text) as d from ${table} t)`;
}

const both = (compared: Compared): string =>
  `${digests(compared, compared.live)} l full join ${digests(compared, compared.copy)} c on l.k = c.k`;

const countSql = (compared: Compared): string => `
select now() as compared_at, count(l.k) as live, count(c.k) as copy,
  count(*) filter (where l.d <> c.d) as wrong,
  count(*) filter (where l.k is null) as missing,
  count(*) filter (where c.k is null) as extra
from ${both(compared)}`;

function rangeSql(compared: Compared): string {
  const shares = Array.from({ length: RANGES - 1 }, (_, i) => (i + 1) / RANGES).join(', ');
  return `
with row_pair as materialized (select coalesce(l.k, c.k) as k, l.d as ld, c.d as cd from ${both(compared)}),
  bound as (select percentile_disc(array[${shares}]) within group (order by k) as b from row_pair)
select (max(b[width_bucket(k, b)]::text)) as from, max(b[width_bucket(k, b) + 1]::text) as to,
  count(ld) as live_rows, md5(string_agg(ld, '' order by k)) as live_digest,
  count(cd) as copy_rows, md5(string_agg(cd, '' order by k)) as copy_digest
from row_pair, bound group by width_bucket(k, b) order by width_bucket(k, b)`;
}

const differenceSql = (compared: Compared): string => `
with differing as (
  select coalesce(l.k, c.k) as k from ${both(compared)} where l.d is distinct from c.d order by 1 limit ${SHOWN})
select k::text as key, to_jsonb(l) as live, to_jsonb(c) as copy
from differing left join ${compared.live} l on l.${compared.key} = k left join ${compared.copy} c on c.${compared.key} = k
order by k`;
