import type { Queryable } from '@banyan/runtime';

// What refers to a table by its identity keeps referring to the old one when another takes its name. The table's own
// constraints come with the copy, all but its foreign keys.
const OBSTACLES = `
with live as (select to_regclass($1)::oid as oid)
select pg_describe_object(classid, objid, 0) as what from pg_depend, live
where refclassid = 'pg_class'::regclass and refobjid = live.oid and deptype = 'n'
  and classid <> 'pg_attrdef'::regclass and not (classid = 'pg_class'::regclass and objid = live.oid)
  and not (classid = 'pg_constraint'::regclass and objid in (select oid from pg_constraint where conrelid = live.oid))
union
select pg_describe_object('pg_rewrite'::regclass, d.objid, 0) from pg_depend d, live
where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = live.oid
union
select 'foreign key ' || conname from pg_constraint, live where contype = 'f' and live.oid in (conrelid, confrelid)
union
select 'trigger ' || tgname from pg_trigger, live where tgrelid = live.oid and not tgisinternal
union
select 'publication ' || pubname from pg_publication_rel r join pg_publication p on p.oid = r.prpubid, live
where r.prrelid = live.oid
union
select 'policy ' || polname from pg_policy, live where polrelid = live.oid
union
select 'inheritance with ' || other::regclass from live, lateral (
  select inhparent as other from pg_inherits where inhrelid = live.oid
  union select inhrelid from pg_inherits where inhparent = live.oid) i
union
select 'rights on column ' || attname from pg_attribute, live where attrelid = live.oid and attacl is not null
union
select 'sequence ' || s.relname from pg_depend d join pg_class s on s.oid = d.objid, live
where d.refobjid = live.oid and d.classid = 'pg_class'::regclass and s.relkind = 'S' and d.deptype = 'a'
union
select 'column ' || attname || ', which the replica does not write' from pg_attribute, live
where attrelid = live.oid and attnum > 0 and not attisdropped and attgenerated = '' and not attname = any ($2)
order by 1`;

/** What would break, or get lost, if another table took the name of this one; each in words. */
export async function findObstacles(
  db: Queryable,
  { table, columns }: { table: string; columns: readonly string[] },
): Promise<string[]> {
  const { rows } = await db.query<{ what: string }>(OBSTACLES, [table, columns]);
  return rows.map(({ what }) => what);
}
