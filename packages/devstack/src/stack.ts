import { join, resolve } from 'node:path';
import { resolveOptions, type OptionRules } from '@banyan/runtime';
import { Client, escapeIdentifier } from 'pg';
import { startNats, type NatsServer } from './nats/server.js';
import { startPostgres, type PostgresServer } from './postgres/server.js';
import { anyTextRule, logRule, namesRule, settingsRule, type LogLine } from './start-options.js';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.js';

export interface StartStackOptions {
  /** Folder for all files; kept when the stack stops. Default '': a temporary one that goes when it stops. */
  dir?: string;
  /** Databases to create where they do not exist yet. */
  databases: readonly string[];
  /** Port of PostgreSQL. Default 0: one that is free. */
  postgresPort?: number;
  /** Port of NATS. Default 0: one that is free. */
  natsPort?: number;
  /** Settings of postgresql.conf. Default: none. */
  postgresSettings?: Record<string, string | number>;
  /** More lines for the configuration file of nats-server. Default: none. */
  natsConfig?: string;
  /** Told in a line what was started and where it was found. Default: nobody. */
  log?: LogLine;
}

const port = {
  fallback: 0,
  must: 'a port from 0 to 65535',
  check: (value: unknown): value is number => Number.isInteger(value),
};

const RULES: OptionRules<StartStackOptions> = {
  dir: anyTextRule(''),
  databases: namesRule(),
  postgresPort: port,
  natsPort: port,
  postgresSettings: settingsRule(),
  natsConfig: anyTextRule(''),
  log: logRule(),
};

/** PostgreSQL and NATS together. */
export interface Stack {
  dir: string;
  postgres: PostgresServer;
  nats: NatsServer;
  /** The address of each database by its name, and that of NATS. */
  urls: { postgres: Record<string, string>; nats: string };
  /** Stops both; removes a temporary folder. Stopping twice is legal. */
  stop: () => Promise<void>;
}

/** Starts PostgreSQL and NATS side by side and creates the databases. Both stop when this process ends, however it ends. */
export async function startStack(options: StartStackOptions): Promise<Stack> {
  const resolved = resolveOptions('startStack', RULES, options);
  const folder = resolved.dir === '' ? await temporaryFolder() : keptFolder(resolved.dir);
  const started = await startBoth(folder.path, resolved).catch(async (error: unknown) => {
    await folder.remove();
    throw error;
  });
  const { postgres, nats } = started;
  const urls = await createDatabases(postgres, resolved.databases);
  const stop = async (): Promise<void> => {
    await Promise.all([postgres.stop(), nats.stop()]);
    await folder.remove();
  };
  return { dir: folder.path, postgres, nats, urls: { postgres: urls, nats: nats.url }, stop };
}

function keptFolder(dir: string): TemporaryFolder {
  return { path: resolve(dir), remove: () => Promise.resolve() };
}

/** When one of the two fails, the other is stopped before this throws. */
async function startBoth(dir: string, options: Required<StartStackOptions>) {
  const { log } = options;
  const [postgres, nats] = await Promise.allSettled([
    startPostgres({
      dir: join(dir, 'postgres'),
      port: options.postgresPort,
      settings: options.postgresSettings,
      log,
    }),
    startNats({ dir: join(dir, 'nats'), port: options.natsPort, config: options.natsConfig, log }),
  ]);
  if (postgres.status === 'fulfilled' && nats.status === 'fulfilled') {
    return { postgres: postgres.value, nats: nats.value };
  }
  const reasons: unknown[] = [];
  for (const result of [postgres, nats]) {
    if (result.status === 'fulfilled') await result.value.stop();
    else reasons.push(result.reason);
  }
  throw reasons.length === 1 ? reasons[0] : new AggregateError(reasons);
}

async function createDatabases(
  postgres: PostgresServer,
  names: readonly string[],
): Promise<Record<string, string>> {
  const client = new Client({ connectionString: postgres.url() });
  await client.connect();
  try {
    for (const name of names) {
      const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
      if (rowCount === 0) await client.query(`CREATE DATABASE ${escapeIdentifier(name)}`);
    }
  } finally {
    await client.end();
  }
  return Object.fromEntries(names.map((name) => [name, postgres.url(name)]));
}
