export {
  defineEvent,
  factOf,
  type Change,
  type EventDefinition,
  type EventSpec,
  type Fact,
  type MessageCodec,
} from './event.js';
export { formatPosition, parsePosition, type Position } from './position.js';
export { PARTITIONS, partitionOf } from './partition.js';
export { shardName, shardOfPartition, shardsOf } from './shards.js';
export {
  heartbeatSubjectOf,
  partitionSubjectOf,
  rangeSubjectOf,
  streamOf,
  subjectOf,
  subjectsOf,
} from './subjects.js';
export {
  isRecentNatsServer,
  LARGEST_MESSAGE_BYTES,
  OLDEST_NATS_SERVER,
  streamFaults,
  type StreamSettings,
} from './stream-rules.js';
export { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from './heartbeat.js';
export {
  decodeRelayReport,
  RELAY_REPORT_SUBJECT,
  type RelayAuditReport,
  type RelayReport,
  type RelaySourceReport,
} from './relay-report.js';
export {
  decodeRelayFound,
  relayFindSubjectOf,
  type CaptureOutcome,
  type RelayFound,
  type RelayTask,
  type RelayTaskAnswer,
  type RepairOutcome,
} from './relay-task.js';
export {
  isSound,
  type AuditDifference,
  type PositionRange,
  type Repair,
  type StreamAudit,
} from './stream-audit.js';
export { hasApplied } from './backfill-applied.js';
export {
  BACKFILL_HEADER,
  backfillSubjectOf,
  type BackfillAnswer,
  type BackfillEnd,
  type BackfillReport,
  type BackfillState,
  type BackfillTask,
  type BackfillWait,
} from './backfill.js';
export {
  decodeSubscriberReport,
  SUBSCRIBER_REPORT_SUBJECT,
  type ReplicaReport,
  type SubscribedSource,
  type SubscriberReport,
} from './subscriber-report.js';
export type { TaskAnswer } from './task-answer.js';
export {
  rebuildSubjectOf,
  type ComparedRange,
  type Comparison,
  type RebuildAnswer,
  type RebuildReport,
  type RebuildTask,
  type RowDifference,
} from './rebuild.js';
