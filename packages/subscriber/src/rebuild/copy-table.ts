import type { Queryable } from '@banyan/runtime';
import { findTable } from './table-place.js';

const GRANTS = `
select format('grant %s on %s to %s%s', a.privilege_type, $2::text,
  case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
  case when a.is_grantable then ' with grant option' else '' end) as sql
from pg_class c cross join lateral aclexplode(c.relacl) a where c.oid = to_regclass($1) and a.grantee <> c.relowner`;

const SETTINGS = `
select format('alter table %s owner to %I', $2::text, pg_get_userbyid(relowner)) as sql
from pg_class where oid = to_regclass($1)
union all
select format('alter table %s set (%s)', $2::text, array_to_string(reloptions, ', ')) from pg_class
where oid = to_regclass($1) and reloptions is not null
union all
select format('alter table %s replica identity full', $2::text) from pg_class
where oid = to_regclass($1) and relreplident = 'f'`;

/**
 * Makes an empty table like another one: columns, indexes, checks, comments, owner, rights and settings. In the caller's
 * transaction: a rollback leaves nothing.
 */
export async function makeCopy(tx: Queryable, live: string, copy: string): Promise<void> {
  await tx.query(`create table ${copy} (like ${live} including all)`);
  for (const statement of [SETTINGS, GRANTS]) {
    const { rows } = await tx.query<{ sql: string }>(statement, [live, copy]);
    for (const { sql } of rows) await tx.query(sql);
  }
}

const INDEXES = `
select c.relname as name, quote_ident(c.relname) as quoted,
  substring(pg_get_indexdef(i.indexrelid) from ' USING .*') || i.indisunique || i.indisprimary as kind
from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass($1)
order by kind, c.relname`;

interface Index {
  name: string;
  quoted: string;
  kind: string;
}

/**
 * Gives the names of one table's indexes, and of the constraints that go with them, to those of another: its own get an ending.
 * In the caller's transaction.
 */
export async function handOverIndexNames(
  tx: Queryable,
  { from, to, ending }: { from: string; to: string; ending: string },
): Promise<void> {
  const schema = (await findTable(tx, from))?.schema ?? '';
  const left = (await tx.query<Index>(INDEXES, [from])).rows;
  const taking = (await tx.query<Index>(INDEXES, [to])).rows;
  for (const { name, quoted, kind } of left) {
    const at = taking.findIndex((index) => index.kind === kind);
    if (at === -1) continue;
    const [twin] = taking.splice(at, 1);
    const old = `"${name.slice(0, 62 - ending.length).replaceAll('"', '""')}_${ending}"`;
    await tx.query(`alter index ${schema}.${quoted} rename to ${old}`);
    await tx.query(`alter index ${schema}.${twin?.quoted ?? ''} rename to ${quoted}`);
  }
}
