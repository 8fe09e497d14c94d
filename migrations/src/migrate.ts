import { fileURLToPath } from 'node:url';
import { BanyanError, messageOf } from '@banyan/runtime';
import { runner } from 'node-pg-migrate';

/** A database role: one folder of numbered SQL. A database may play several, applied in the order given. */
export type Role = 'outbox' | 'subscriber' | 'teams' | 'projects' | 'tasks';

export interface MigrateOptions {
  databaseUrl: string;
  /** Which folders to apply, in this order. */
  roles: readonly Role[];
  /** Told about each file that is applied. Default: nobody. */
  onApplied?: (role: Role, file: string) => void;
}

/**
 * Brings a database up to date. Safe to call at every start and from several processes at once: a PostgreSQL advisory
 * lock lets one through at a time. Each role keeps its own list of applied files in `banyan.migration_<role>`.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  for (const role of options.roles) {
    const applied = await migrateRole(options.databaseUrl, role);
    for (const file of applied) options.onApplied?.(role, file);
  }
}

async function migrateRole(databaseUrl: string, role: Role): Promise<string[]> {
  try {
    const applied = await runner({
      databaseUrl,
      dir: fileURLToPath(new URL(`../${role}`, import.meta.url)),
      direction: 'up',
      migrationsSchema: 'banyan',
      migrationsTable: `migration_${role}`,
      createMigrationsSchema: true,
      advisoryLockMode: 'wait',
      log: () => undefined,
    });
    return applied.map((migration) => migration.name);
  } catch (error) {
    throw new BanyanError('BANYAN_MIGRATION', `role ${role} could not be migrated: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
