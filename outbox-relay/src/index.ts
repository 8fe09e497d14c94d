export { auditStream, isBalanced, type AuditReport } from './audit.js';
export { auditRecorded, type AuditConnections, type RecordedAuditOptions } from './audit/recorded-audit.js';
export { Relay } from './relay.js';
export { SourceRelay, type RelayState, type SourceRelayStatus } from './source-relay.js';
export { type ShardedSourceConfig, type ShardedSourceOptions } from './sharded-source.js';
export { type SourceRelayConfig, type SourceRelayOptions } from './options.js';
export { newEpoch, type NewEpoch, type NewEpochOptions } from './history/new-epoch.js';
export type { RangeRequest } from './ranges/range-request.js';
