export { run, type RunOptions } from './main.js';
export type { Terminal } from './terminal.js';
export { EXIT, type ExitCode } from './exit-code.js';
export { findNats, type NatsSearch } from './find-nats.js';
export type { DiscoveredCall, DiscoveredProcess, Discovery } from './discover/discovery.js';
export { PLAYBOOK_SCHEMA } from './plan/playbook-schema.js';
export { commandReference } from './reference.js';
