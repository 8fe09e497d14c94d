export { Subscriber, subscriber } from './subscriber.js';
export type { SubscriberConfig, SubscriberOptions } from './options.js';
export {
  on,
  onBatch,
  type BatchEvent,
  type BatchHandler,
  type EventContext,
  type EventHandler,
  type HandlerEntry,
} from './handler.js';
export {
  deleteOn,
  Replica,
  replica,
  rowFrom,
  type ReplicaMapping,
  type ReplicaOptions,
} from './replica/replica.js';
export type { ReplicaRow, ReplicaValue } from './replica/row.js';
export type { Freshness, FreshnessOf, SourceFreshness, SubscriberFreshness } from './freshness/freshness.js';
export type { TokenWait, WaitOptions } from './freshness/token-wait.js';
export type { SourceStatus, SubscriberState, SubscriberStatus } from './status.js';
export type { LaneStatus } from './lanes/lane-status.js';
export type { ApplyCounts } from './lanes/lane-transaction.js';
export { kyselyPool, type OneClientPool } from './kysely-pool.js';
export { observeSubscriber, type ObservedSubscriber } from './subscriber-metrics.js';
export { Listener, listener, type ListenerStatus } from './listener/listener.js';
export type { ListenerConfig, ListenerOptions } from './listener/options.js';
export {
  listenTo,
  type Delivery,
  type ListenerContext,
  type ListenerEntry,
  type ListenerHandler,
} from './listener/listen-to.js';
export type { ListenerSourceStatus } from './listener/source-listener.js';
export { MemoryReplica, memoryReplica, type MemoryReplicaStatus } from './memory/memory-replica.js';
export type { FillFromTable, MemoryReplicaConfig, MemoryReplicaOptions } from './memory/options.js';
export { entryFrom, removeOn, type EntryChange, type MemoryMapping } from './memory/mapping.js';
export { SourceTail, sourceTail, type SourceTailStatus } from './tail/source-tail.js';
export { streamPast, type PastRange } from './tail/stream-past.js';
export type { SourceTailConfig, SourceTailOptions, TailBeginning, TailEvent } from './tail/options.js';
