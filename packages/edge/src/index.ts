export {
  EdgeProcess,
  type EdgeProcessOptions,
  type ProcessEdgeOptions,
  type ProcessPart,
  type ReactOptions,
} from './process/edge-process.js';
export { BrokerConnection } from './process/broker-connection.js';
export type { BackgroundSubscriber, FollowOptions } from './process/background-subscriber.js';
export type { AnswersAbout, FollowedReplica } from './process/followed-replica.js';
export { queryEdge, QueryEdge } from './query/query-edge.js';
export type { BudgetOptions, QueryEdgeOptions, RampOptions } from './query/query-edge-options.js';
export type { GuardOptions } from './guard/guard-options.js';
export { streamEdge, StreamEdge } from './stream/stream-edge.js';
export type { StreamEdgeOptions, StreamStage } from './stream/stream-edge-options.js';
export type { Messages, StreamReplica } from './stream/stream-replica.js';
export type { CompareOptions } from './comparison/compare-options.js';
export type { FieldEquality } from './comparison/fields/field-rules.js';
export type { NotFoundStatus } from './query/replica-first.js';
export { guardClient, type GuardedEdge } from './query/guard-client.js';
export { Bypasses } from './query/bypasses.js';
export type { TokenOptions } from './tokens/token-options.js';
export type { EdgeReplica, ReadContext } from './query/replica.js';
export { tombstone, Tombstone, type TombstoneOptions } from './retired/tombstone.js';
export { clientLedger, ClientLedger, type ClientLedgerOptions } from './ledger/client-ledger.js';
export { serverLedger, ServerLedger, type ServerLedgerOptions } from './ledger/server-ledger.js';
export { CALLER_HEADER, LEDGER_HEADER } from './ledger/headers.js';
export { tokenInterceptor } from './tokens/client-tokens.js';
export { tokenServerInterceptor, type ServerTokenOptions } from './tokens/server-tokens.js';
export { shows, type Shown, type ShownVersion } from './tokens/shown.js';
export type { EdgeCacheOptions } from './cache/cache-options.js';
export {
  isGoodEnough,
  type Awaitable,
  type CachedEntry,
  type CacheQuestion,
  type CacheStatus,
  type EdgeCache,
  type Lease,
  type Lookup,
} from './cache/edge-cache.js';
export { memoryCache, type MemoryCacheOptions } from './cache/memory-cache.js';
export { cacheFeed, CacheFeed, type CacheFeedOptions } from './cache/cache-feed.js';
export { invalidateOn, type Invalidation } from './cache/invalidate-on.js';
export { reaction, Reaction, type AnyReaction } from './reaction/reaction.js';
export type { ReactionOptions, ReactionOrigin } from './reaction/reaction-options.js';
export {
  reactions,
  Reactions,
  type Effects,
  type EmitReacting,
  type OpenTransaction,
} from './reaction/reactions.js';
export { receiver, Receiver, type EventReading, type ServedCall } from './reaction/receiver.js';
export type { Effect, EffectContext, ReceiverOptions } from './reaction/receiver-options.js';
export {
  NO_REFUSALS,
  ReactionRefusal,
  type RefusalReason,
  type Refusals,
} from './reaction/reaction-refusal.js';
export { trigger, type Trigger } from './reaction/trigger.js';
