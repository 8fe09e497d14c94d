import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Queryable } from '@banyan/runtime';
import type { Role } from './migrate.js';
import { ONCE_A_SOURCE } from './shard-files.js';

/** How far a role has been migrated in one schema. Names as in the role's folder, without `.sql`. */
export interface MigrationState {
  role: Role;
  /** `banyan`, or a shard's. */
  schema: string;
  applied: string[];
  /** Files of this version that were not applied. */
  missing: string[];
  /** What was applied and this version does not know: it is older than the database. */
  unknown: string[];
}

/**
 * How far a role is migrated in a database; of the role `outbox` one each for the source and its other shards. Empty if the
 * role was never applied there. Changes nothing; needs to read `migration_<role>`.
 */
export async function migrationState(database: Queryable, role: Role): Promise<MigrationState[]> {
  const { rows } = await database.query<{ schema: string }>(
    `select nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = $1 and (nspname = 'banyan' or nspname ~ '^banyan_[1-9][0-9]?$')
     order by length(nspname), nspname`,
    [`migration_${role}`],
  );
  const states: MigrationState[] = [];
  for (const { schema } of rows) states.push(await stateIn(database, role, schema));
  return states;
}

/** What `migrate` would apply to a role, in its order; of another shard than the first as `banyan_1/0001_outbox`. */
export async function pendingMigrations(database: Queryable, role: Role): Promise<string[]> {
  const states = await migrationState(database, role);
  if (states.length === 0) return filesOf(role, 'banyan');
  return states.flatMap(({ schema, missing }) =>
    schema === 'banyan' ? missing : missing.map((file) => `${schema}/${file}`),
  );
}

async function stateIn(database: Queryable, role: Role, schema: string): Promise<MigrationState> {
  const table = `${schema}.migration_${role}`;
  const { rows } = await database.query<{ name: string }>(`select name from ${table} order by id`);
  const applied = rows.map(({ name }) => name);
  const files = await filesOf(role, schema);
  return {
    role,
    schema,
    applied,
    missing: files.filter((file) => !applied.includes(file)),
    unknown: applied.filter((file) => !files.includes(file)),
  };
}

async function filesOf(role: Role, schema: string): Promise<string[]> {
  const all = await readdir(fileURLToPath(new URL(`../${role}`, import.meta.url)));
  const own = all.filter((file) => schema === 'banyan' || !ONCE_A_SOURCE.includes(file));
  return own
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .sort();
}
