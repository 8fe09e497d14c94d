import type { ClientBase } from 'pg';

/**
 * Each shard's outbox has a schema of its own with the same tables. The relay's SQL names tables without a schema; this is
 * the only place that says which one is meant, and each connection is told once.
 */
export function schemaOf(shard: number): string {
  return shard === 0 ? 'banyan' : `banyan_${shard}`;
}

/** SQL that points a connection at a shard; with `$1` for its schema, and for `$2` whether for this transaction only. */
export const POINT_AT_SCHEMA = `select set_config('search_path', $1, $2)`;

const NAME_OF_FIRST = `select name from banyan.source`;
const IS_THERE = `select to_regclass($1) is not null as "isThere"`;

/**
 * Which shard of this database is meant by the name of a source: `projects-1` is shard 1 if there is one, unless it is the
 * name of the source itself.
 */
export async function findShard(client: ClientBase, source: string): Promise<number> {
  const shard = Number(/-([1-9]\d?)$/.exec(source)?.[1] ?? 0);
  if (shard === 0) return 0;
  const found = await client.query<{ isThere: boolean }>(IS_THERE, [`${schemaOf(shard)}.outbox`]);
  if (found.rows[0]?.isThere !== true) return 0;
  const { rows } = await client.query<{ name: string | null }>(NAME_OF_FIRST);
  return rows[0]?.name === source ? 0 : shard;
}
