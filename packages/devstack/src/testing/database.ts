import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { migrate, type Role } from '@banyan/migrations';
import { wait } from '@banyan/runtime';
import { Pool, type PoolClient } from 'pg';
import { testEngines } from './engine-service.js';
import { uniqueName } from './names.js';

export interface TestDatabaseOptions {
  /** Migrations to apply, in this order. Default: none. */
  roles?: readonly Role[];
  /** SQL to run afterwards, one statement or several each. Default: none. */
  statements?: readonly string[];
}

/** A database of one's own. */
export interface TestDatabase {
  url: string;
  pool: Pool;
  /** Ends the pool and removes the database with whatever still is connected to it. */
  drop: () => Promise<void>;
}

// Any number, as long as nobody else on the server locks it: "banyan" in letters of a telephone.
const TEMPLATE_LOCK = 226_926;
const LEAVING_PATIENCE_MS = 5000;
const MIGRATIONS = new URL('../../../../migrations/', import.meta.url);

let administration: Promise<Pool> | undefined;
const templates = new Map<string, Promise<string>>();

/** A fresh database with the migrations of the roles: a copy of a template that is made once for each set of files. */
export async function testDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { roles = [], statements = [] } = options;
  const admin = await administrate();
  const name = uniqueName('test');
  const template = roles.length === 0 ? 'template0' : await templateOf(roles);
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = await urlOf(name);
  const pool = quietPool(url);
  for (const statement of statements) await pool.query(statement);
  const drop = async (): Promise<void> => {
    await pool.end();
    await untilLeft(admin, name);
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  return { url, pool, drop };
}

/**
 * A client that has said goodbye is still there for a moment, and one that is thrown out in it raises an error that nobody
 * listens to any more. So only those who stay are thrown out.
 */
async function untilLeft(admin: Pool, database: string): Promise<void> {
  const deadline = performance.now() + LEAVING_PATIENCE_MS;
  const isUsed = async (): Promise<boolean> => {
    const found = await admin.query('SELECT FROM pg_stat_activity WHERE datname = $1 LIMIT 1', [database]);
    return found.rowCount !== 0;
  };
  while ((await isUsed()) && performance.now() < deadline) await wait(10);
}

function administrate(): Promise<Pool> {
  administration ??= testEngines().then(({ postgresUrl }) => quietPool(postgresUrl));
  return administration;
}

/** Idle connections may break (tests kill servers and drop databases); that must not end the process. */
function quietPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, allowExitOnIdle: true });
  pool.on('error', () => undefined);
  return pool;
}

async function urlOf(database: string): Promise<string> {
  const url = new URL((await testEngines()).postgresUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function templateOf(roles: readonly Role[]): Promise<string> {
  const key = roles.join(',');
  const known = templates.get(key) ?? makeTemplate(roles);
  templates.set(key, known);
  return known;
}

/** One worker at a time makes templates; a half-made one keeps its draft's name and is made anew. */
async function makeTemplate(roles: readonly Role[]): Promise<string> {
  const name = `banyan_template_${await fingerprint(roles)}`;
  const client = await (await administrate()).connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    if (!(await isThere(client, name))) await fillTemplate(client, name, roles);
    return name;
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
    client.release();
  }
}

async function isThere(client: PoolClient, name: string): Promise<boolean> {
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  return found.rowCount !== 0;
}

async function fillTemplate(client: PoolClient, name: string, roles: readonly Role[]): Promise<void> {
  const draft = `${name}_draft`;
  await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${draft} TEMPLATE template0`);
  await migrate({ databaseUrl: await urlOf(draft), roles });
  await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
}

/** The same for the same roles and the same SQL. */
async function fingerprint(roles: readonly Role[]): Promise<string> {
  const hash = createHash('sha256');
  for (const role of roles) {
    const folder = new URL(`${role}/`, MIGRATIONS);
    for (const file of (await readdir(folder)).sort()) {
      hash.update(`${role}/${file}\0`).update(await readFile(new URL(file, folder)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
