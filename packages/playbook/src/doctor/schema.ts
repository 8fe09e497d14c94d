import { migrationState, type MigrationState, type Role } from '@banyan/migrations';
import { messageOf, type Queryable } from '@banyan/runtime';
import type { Findings } from './finding.js';
import type { ServerRow } from './postgres.js';

type OwnRole = Extract<Role, 'outbox' | 'subscriber'>;
const ROLES: readonly OwnRole[] = ['outbox', 'subscriber'];

interface RightsRow {
  owner: string;
  is_owner: boolean;
  may_use: boolean;
  may_emit: boolean | null;
  may_subscribe: boolean | null;
}

const RIGHTS = `
select pg_get_userbyid(nspowner) as owner, pg_has_role(nspowner, 'usage') as is_owner,
  has_schema_privilege(oid, 'usage') as may_use,
  (select bool_or(has_function_privilege(p.oid, 'execute')) from pg_proc p
   where p.pronamespace = n.oid and p.proname = 'emit') as may_emit,
  (select bool_and(has_table_privilege(c.oid, 'select, insert, update, delete')) from pg_class c
   where c.relnamespace = n.oid and c.relname in ('subscription', 'position', 'lane', 'parked_key', 'parked_event'))
   as may_subscribe
from pg_namespace n where nspname = 'banyan'`;

/** What a database plays (source, subscriber), how far it is migrated, and what the role that asks may do. */
export async function examineSchema(
  database: Queryable,
  { database: name, role }: ServerRow,
  findings: Findings,
): Promise<OwnRole[]> {
  const { rows } = await database.query<RightsRow>(RIGHTS);
  const [rights] = rows;
  const states: MigrationState[] = [];
  try {
    for (const each of ROLES) states.push(...(await migrationState(database, each)));
  } catch (error) {
    const remedy = `Ask as ${rights?.owner ?? 'its owner'}, or let ${role} read the tables banyan.migration_*.`;
    findings.unchecked(`${name}: migrations`, messageOf(error), remedy);
  }
  for (const state of states) examineState(state, name, findings);
  if (rights === undefined) tellNothingThere(name, findings);
  else examineRights(rights, { name, role }, findings);
  return ROLES.filter((each) => states.some((state) => state.role === each));
}

function tellNothingThere(name: string, findings: Findings): void {
  const remedy =
    'Run `banyan init --database-url …`, or the migrations of the roles that it plays (migrations/README.md).';
  findings.fail(`${name}: schema banyan`, 'there is none', remedy);
}

function examineState(
  { role, schema, applied, missing, unknown }: MigrationState,
  name: string,
  findings: Findings,
): void {
  const what = `${name}: ${schema} as ${role}`;
  if (missing.length > 0) {
    const remedy = `Run \`banyan init --database-url … --role ${role}\`, or \`migrate\` of @banyan/migrations at the start of the service.`;
    findings.fail(what, `not applied: ${missing.join(', ')}`, remedy);
  } else if (unknown.length > 0) {
    const remedy = 'Bring this command and the services to the version that the database is at.';
    findings.warn(what, `newer than this version: ${unknown.join(', ')}`, remedy);
  } else findings.ok(what, `${applied.length} migrations, the last ${applied.at(-1) ?? 'none'}`);
}

function examineRights(
  { owner, is_owner: isOwner, may_use: mayUse, may_emit: mayEmit, may_subscribe: maySubscribe }: RightsRow,
  { name, role }: { name: string; role: string },
  findings: Findings,
): void {
  const what = `${name}: rights of ${role}`;
  const may = [
    ...(isOwner ? ['own the schema (relay, migrations)'] : []),
    ...(mayUse && mayEmit === true ? ['emit'] : []),
    ...(mayUse && maySubscribe === true ? ['subscribe'] : []),
  ];
  if (may.length === 0) {
    const remedy = `grant usage on schema banyan to ${role}; a relay and migrations connect as ${owner}.`;
    findings.fail(what, 'it may neither emit nor subscribe', remedy);
  } else if (isOwner) findings.ok(what, `it may ${may.join(', ')}`);
  else {
    const remedy = `Right for a service. A relay and the migrations have to connect as ${owner}.`;
    findings.warn(what, `it may ${may.join(', ')}; it is not the owner`, remedy);
  }
}
