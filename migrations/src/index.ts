export { migrate, type MigrateOptions, type Role } from './migrate.js';
