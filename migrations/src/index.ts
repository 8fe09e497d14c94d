export { migrate, type MigrateOptions, type Role } from './migrate.js';
export { describeSchema } from './describe-schema.js';
export { migrationState, pendingMigrations, type MigrationState } from './migration-state.js';
