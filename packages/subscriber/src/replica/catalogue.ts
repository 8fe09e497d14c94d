import type { Queryable } from '@banyan/runtime';

const READ_TABLE = `
select c.relkind in ('r', 'p') as "isTable",
  array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE']) p where not has_any_column_privilege(c.oid, p)) as refused
from pg_class c where c.oid = to_regclass($1)`;

// An identity column that is generated always refuses values like a generated one.
const READ_COLUMNS = `
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
  a.attgenerated <> '' or a.attidentity = 'a' as generated,
  a.attnotnull and not a.atthasdef and a.attidentity = '' as required,
  exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and i.indnkeyatts = 1
    and i.indimmediate and i.indkey[0] = a.attnum) as key
from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped`;

interface Table {
  isTable: boolean;
  /** What the subscriber's role may not do at all; some replicas never delete. */
  refused: string[];
}

interface Column {
  name: string;
  type: string;
  generated: boolean;
  /** Not null, and without a default. */
  required: boolean;
  /** It is the primary key, alone, and not deferrable: an upsert needs it so. */
  key: boolean;
}

interface Wanted {
  table: string;
  key: string;
  columns: readonly string[];
  version?: string;
}

/** What keeps a table from being the replica; undefined if nothing does. */
export async function checkTable(db: Queryable, wanted: Wanted): Promise<string | undefined> {
  const { rows: tables } = await db.query<Table>(READ_TABLE, [wanted.table]);
  const { rows: found } = await db.query<Column>(READ_COLUMNS, [wanted.table]);
  return (
    tableProblem(tables[0]) ??
    columnProblem(found, wanted) ??
    keyProblem(found, wanted) ??
    versionProblem(found, wanted)
  );
}

function tableProblem(table: Table | undefined): string | undefined {
  if (table === undefined) return 'the table does not exist';
  if (!table.isTable) return 'it is no table';
  return table.refused.length > 0 ? `the subscriber’s role may not ${table.refused.join(', ')}` : undefined;
}

function columnProblem(found: readonly Column[], { columns }: Wanted): string | undefined {
  const missing = columns.filter((column) => !found.some(({ name }) => name === column));
  if (missing.length > 0) return `columns are missing: ${missing.join(', ')}`;
  const generated = found.filter(({ name, generated }) => generated && columns.includes(name));
  if (generated.length > 0) return `columns are generated: ${namesOf(generated)}`;
  const lacking = found.filter(({ name, required }) => required && !columns.includes(name));
  return lacking.length > 0 ? `columns that may not be null get no value: ${namesOf(lacking)}` : undefined;
}

function keyProblem(found: readonly Column[], { key }: Wanted): string | undefined {
  return found.some((column) => column.name === key && column.key)
    ? undefined
    : `${key} is not its primary key, alone and not deferrable`;
}

function versionProblem(found: readonly Column[], { version }: Wanted): string | undefined {
  const column = found.find(({ name }) => name === version);
  if (column === undefined || column.type === 'bigint') return undefined;
  return `the version column ${column.name} is of type ${column.type}, and must be bigint`;
}

const namesOf = (columns: readonly Column[]): string => columns.map(({ name }) => name).join(', ');
