import { fileURLToPath } from 'node:url';
import { BanyanError, messageOf } from '@banyan/runtime';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { shardSchema, withShardFiles } from './shard-files.js';

/** A database role: one folder of numbered SQL. A database may play several, applied in the order given. */
export type Role = 'outbox' | 'subscriber' | 'teams' | 'projects' | 'tasks';

export interface MigrateOptions {
  databaseUrl: string;
  /** Which folders to apply, in this order. */
  roles: readonly Role[];
  /**
   * How many shards the role `outbox` is to have outboxes for, 1 to 64. They are filled only after `banyan.set_shards`.
   * Default: those that there are; they are always brought up to date, and none is ever removed.
   */
  shards?: number;
  /** Told about each file that is applied. Default: nobody. */
  onApplied?: (role: Role, file: string) => void;
}

/** Where a role's files go. */
interface Place {
  folder: string;
  schema: string;
}

/**
 * Brings a database up to date. Safe to call at every start and from several processes at once: a PostgreSQL advisory
 * lock lets one through at a time. Each role keeps its own list of applied files in `banyan.migration_<role>`, and each shard
 * in `banyan_<shard>.migration_outbox`.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { databaseUrl } = options;
  for (const role of options.roles) {
    const folder = fileURLToPath(new URL(`../${role}`, import.meta.url));
    const applied = await apply(databaseUrl, role, { folder, schema: 'banyan' });
    if (role === 'outbox') applied.push(...(await migrateShards(databaseUrl, options.shards ?? 1)));
    for (const file of applied) options.onApplied?.(role, file);
  }
}

async function migrateShards(databaseUrl: string, shards: number): Promise<string[]> {
  if (!Number.isSafeInteger(shards) || shards < 1 || shards > 64) {
    throw new BanyanError(
      'BANYAN_OPTION_INVALID',
      `shards must be a whole number from 1 to 64, not ${shards}`,
    );
  }
  const wanted = Array.from({ length: shards - 1 }, (_, index) => shardSchema(index + 1));
  const schemas = new Set([...wanted, ...(await existingShards(databaseUrl))]);
  const applied: string[] = [];
  for (const schema of schemas) {
    const files = await withShardFiles(schema, (folder) => apply(databaseUrl, 'outbox', { folder, schema }));
    applied.push(...files.map((file) => `${schema}/${file}`));
  }
  return applied;
}

async function existingShards(databaseUrl: string): Promise<string[]> {
  return withClient(databaseUrl, async (client) => {
    const found = await client.query<{ schema: string }>(
      'select schema from banyan.shard_schemas() where shard > 0',
    );
    return found.rows.map(({ schema }) => schema);
  });
}

async function apply(databaseUrl: string, role: Role, { folder, schema }: Place): Promise<string[]> {
  try {
    return await withClient(databaseUrl, async (dbClient) => {
      const applied = await runner({
        dbClient,
        dir: folder,
        direction: 'up',
        migrationsSchema: schema,
        migrationsTable: `migration_${role}`,
        createMigrationsSchema: true,
        advisoryLockMode: 'wait',
        log: () => undefined,
      });
      return applied.map((migration) => migration.name);
    });
  } catch (error) {
    throw new BanyanError(
      'BANYAN_MIGRATION',
      `role ${role}, schema ${schema}, could not be migrated: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * Gives the work a connection of its own. The runner's own one would be left behind open when it returns, and a server that
 * stops then would end this process: nobody listens for its errors.
 */
async function withClient<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(databaseUrl);
  // A connection that breaks fails the query that waits for it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
