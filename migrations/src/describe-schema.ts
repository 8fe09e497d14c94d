import pg from 'pg';

/** What a database holds besides what PostgreSQL and the migration runner put there, as text that reads like SQL. */
const DESCRIBE: readonly string[] = [
  `select format('create table %s (%s)%s;', c.oid::regclass,
     (select string_agg(format(E'\\n  %s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
         case when a.attnotnull then ' not null' else '' end,
         case when a.attidentity <> '' then ' generated always as identity'
              when d.adbin is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid) else '' end), ',' order by a.attnum)
      from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
     coalesce(E'\\n  partition by ' || pg_get_partkeydef(c.oid), '') ||
     coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '')) as line
   from pg_class c where c.relkind in ('r', 'p') and not c.relispartition and $SCOPE order by c.oid::regclass::text`,
  `select format('create table %s partition of %s %s;', c.oid::regclass, i.inhparent::regclass, pg_get_expr(c.relpartbound, c.oid)) as line
   from pg_class c join pg_inherits i on i.inhrelid = c.oid where c.relkind = 'r' and c.relispartition and $SCOPE
   order by c.oid::regclass::text`,
  `select format('alter table %s add constraint %s %s;', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) as line
   from pg_constraint k join pg_class c on c.oid = k.conrelid
   where not c.relispartition and k.contype <> 'n' and $SCOPE order by 1`,
  `select pg_get_indexdef(i.indexrelid) || ';' as line
   from pg_index i join pg_class c on c.oid = i.indrelid
   where not c.relispartition and not exists (select from pg_constraint k where k.conindid = i.indexrelid) and $SCOPE order by 1`,
  `select format('create sequence %s minvalue %s maxvalue %s;', c.oid::regclass, s.seqmin, s.seqmax) as line
   from pg_sequence s join pg_class c on c.oid = s.seqrelid
   where not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'i') and $SCOPE order by 1`,
  `select format(E'create view %s as\\n%s', c.oid::regclass, pg_get_viewdef(c.oid)) as line
   from pg_class c where c.relkind = 'v' and $SCOPE order by c.oid::regclass::text`,
  `select pg_get_functiondef(p.oid) || ';' as line
   from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where $NAMESPACE order by p.oid::regprocedure::text`,
];

const ANY_SCHEMA = `not in ('pg_catalog', 'information_schema', 'pg_toast')`;

/** Describes the schemas of a database, or one of them; the same text for the same schema. */
export async function describeSchema(databaseUrl: string, schema?: string): Promise<string> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const which = schema === undefined ? ANY_SCHEMA : `= ${client.escapeLiteral(schema)}`;
    const parts: string[] = [];
    for (const query of DESCRIBE) {
      const { rows } = await client.query<{ line: string }>(scoped(query, which));
      parts.push(...rows.map(({ line }) => line));
    }
    return `${parts.join('\n\n')}\n`;
  } finally {
    await client.end();
  }
}

/** The migration runner's own tables are left out. */
function scoped(query: string, which: string): string {
  return query
    .replace('$SCOPE', `c.relnamespace::regnamespace::text ${which} and c.relname not like 'migration\\_%'`)
    .replace('$NAMESPACE', `n.nspname ${which}`);
}
