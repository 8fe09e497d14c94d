export { Subscriber, subscriber, type SubscriberStatus } from './subscriber.js';
export { on, type EventContext, type EventHandler, type HandlerEntry } from './handler.js';
export {
  Replica,
  replica,
  rowFrom,
  type ReplicaMapping,
  type ReplicaOptions,
  type ReplicaRow,
} from './replica.js';
export type { Freshness } from './freshness.js';
export type { SubscriberConfig, SubscriberOptions } from './options.js';
export type { ApplyCounts } from './batch-applier.js';
