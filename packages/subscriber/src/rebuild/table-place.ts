import type { Queryable } from '@banyan/runtime';

const FIND = `
select quote_ident(n.nspname) as schema, c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`;

/** Where a table is. The schema is quoted where it has to be; a replica's own name never does. */
export interface TablePlace {
  schema: string;
  name: string;
}

/** Finds a table by the name that a replica gives it, which the search path may complete. */
export async function findTable(db: Queryable, table: string): Promise<TablePlace | undefined> {
  const { rows } = await db.query<{ schema: string; name: string }>(FIND, [table]);
  return rows[0];
}

/** A name beside the table, no longer than PostgreSQL takes. @param ending e.g. `new_1a2b3c4d` */
export function beside(name: string, ending: string): string {
  return `${name.slice(0, 62 - ending.length)}_${ending}`;
}
