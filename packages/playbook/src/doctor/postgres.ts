import { messageOf } from '@banyan/runtime';
import pg from 'pg';
import { readClock, type ClockReading } from './clocks.js';
import { Findings, type Finding } from './finding.js';
import { examineOutbox } from './outbox.js';
import { examineSchema } from './schema.js';

/** `create function … return` came with it. In thousandths, as the server counts. */
const OLDEST_POSTGRES = 140_000;

/** What was seen of a database. */
export interface DatabaseSeen {
  findings: Finding[];
  /** Undefined: it could not be asked. */
  clock?: ClockReading;
}

/** One row of what matters of a server, its settings and the role that asks. */
export interface ServerRow {
  version: string;
  version_number: number;
  database: string;
  role: string;
  is_replica: boolean;
  encoding: string;
  backend_pid: number;
  settings: Record<string, string>;
  used_connections: number;
  oldest_transaction_s: number | null;
  oldest_prepared_s: number | null;
}

const LOOK = `
select current_setting('server_version') as version, current_setting('server_version_num')::integer as version_number,
  current_database() as database, current_user::text as role, pg_is_in_recovery() as is_replica,
  pg_encoding_to_char((select encoding from pg_database where datname = current_database())) as encoding,
  pg_backend_pid() as backend_pid,
  (select jsonb_object_agg(name, setting) from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit',
    'max_connections', 'superuser_reserved_connections', 'idle_in_transaction_session_timeout')) as settings,
  (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as used_connections,
  (select extract(epoch from now() - min(xact_start))::float8 from pg_stat_activity
   where backend_type = 'client backend' and datname = current_database()) as oldest_transaction_s,
  (select extract(epoch from now() - min(prepared))::float8 from pg_prepared_xacts
   where database = current_database()) as oldest_prepared_s`;

/** A database: the server and its settings, the role, the schemas, the outbox. Changes nothing. */
export async function examineDatabase(databaseUrl: string): Promise<DatabaseSeen> {
  const findings = new Findings('postgres');
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'banyan doctor',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    findings.fail(`database ${addressOf(databaseUrl)}`, messageOf(error), remedyOf(error));
    return { findings: findings.all };
  }
  try {
    return await examineConnected(client, findings);
  } finally {
    await client.end();
  }
}

async function examineConnected(client: pg.Client, findings: Findings): Promise<DatabaseSeen> {
  const { rows } = await client.query<ServerRow>(LOOK);
  const [server] = rows;
  if (server === undefined) return { findings: findings.all };
  const { database } = server;
  examineServer(server, findings);
  examineSettings(server, findings);
  examineTransactions(server, findings);
  examinePooler(server, client, findings);
  const roles = await examineSchema(client, server, findings);
  if (roles.includes('outbox')) await examineOutbox(client, server, findings);
  const clock = await readClock(`database ${database}`, () => databaseTime(client));
  return { findings: findings.all, clock };
}

async function databaseTime(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ ms: number }>(
    `select extract(epoch from clock_timestamp())::float8 * 1000 as ms`,
  );
  return rows[0]?.ms ?? NaN;
}

function examineServer(server: ServerRow, findings: Findings): void {
  const { database, version, version_number: number, is_replica: isReplica, encoding } = server;
  const what = `database ${database}`;
  if (number < OLDEST_POSTGRES) findings.fail(what, `PostgreSQL ${version}`, 'Use PostgreSQL 14 or later.');
  else if (isReplica) {
    const remedy = 'Connect to the primary: outbox and positions are written.';
    findings.fail(what, `PostgreSQL ${version}, a read-only standby`, remedy);
  } else findings.ok(what, `PostgreSQL ${version}, role ${server.role}`);
  if (encoding !== 'UTF8') {
    const remedy = 'Use a UTF8 database: other programs compute the partition from UTF-8 too.';
    findings.warn(`${database}: encoding`, encoding, remedy);
  }
}

function examineSettings(
  { database, settings, used_connections: used }: ServerRow,
  findings: Findings,
): void {
  const named = (name: string): string => `${database}: ${name}`;
  const unsafe = ['fsync', 'full_page_writes'].filter((name) => settings[name] === 'off');
  for (const name of unsafe) {
    const remedy = `Set ${name} = on wherever data matters: a crash may undo commits whose events the stream has, and the relay then refuses.`;
    findings.warn(named(name), 'off', remedy);
  }
  if (unsafe.length === 0) findings.ok(named('durability'), 'fsync and full_page_writes on');
  const idle = Number(settings['idle_in_transaction_session_timeout'] ?? 0);
  const timeout = named('idle_in_transaction_session_timeout');
  if (idle > 0) findings.ok(timeout, `${idle} ms`);
  else {
    const remedy =
      'Set it, to 60s say: a forgotten transaction keeps the outbox from being emptied and a backfill from beginning.';
    findings.warn(timeout, 'off', remedy);
  }
  const most = Number(settings['max_connections']) - Number(settings['superuser_reserved_connections'] ?? 0);
  const connections = `${used} of ${most} used`;
  if (used + 10 <= most) findings.ok(named('connections'), connections);
  else {
    const remedy = 'Raise max_connections, or shrink the pools: a relay takes up to six connections a shard.';
    findings.warn(named('connections'), connections, remedy);
  }
}

/** In seconds. Longer ones hold up what waits for all transactions to end. */
const LONG_S = 600;

function examineTransactions(server: ServerRow, findings: Findings): void {
  const { database, oldest_transaction_s: open, oldest_prepared_s: prepared } = server;
  if (open !== null && open > LONG_S) {
    const remedy =
      'Find it in pg_stat_activity; slots of the outbox are not emptied and backfills wait while it is open.';
    findings.warn(`${database}: oldest transaction`, `${Math.round(open)} s`, remedy);
  }
  if (prepared !== null && prepared > LONG_S) {
    const remedy = 'Commit or roll it back (pg_prepared_xacts): nobody else will.';
    findings.warn(`${database}: prepared transaction`, `${Math.round(prepared)} s old`, remedy);
  }
}

/** A pooler makes up the process id that it tells its clients. */
function examinePooler(
  { database, backend_pid: pid }: ServerRow,
  client: pg.Client,
  findings: Findings,
): void {
  const told = 'processID' in client ? client.processID : undefined;
  if (typeof told !== 'number' || told === pid) return;
  const remedy =
    'Give the relay the address of PostgreSQL itself: with transaction pooling it refuses to lead.';
  findings.warn(`${database}: pooler`, 'a connection pooler answers', remedy);
}

function addressOf(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

function remedyOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '28P01' || code === '28000') return 'Correct user and password, or pg_hba.conf.';
  if (code === '3D000') return 'Create the database, or correct its name in the address.';
  if (code === '53300') return 'Raise max_connections, or shrink the pools that use them up.';
  return 'Check the address, and that PostgreSQL runs and can be reached from here.';
}
