import type { EdgeReplica } from '../query/replica.js';
import type { ReplicaSubscriberReport } from '@banyan/control';
import type { SourceFreshness } from '@banyan/subscriber';
import type { BackgroundSubscriber } from './background-subscriber.js';
import { ReplicaBackfill } from './replica-backfill.js';
import { stoppedPartitions } from './stopped-partitions.js';

/** What the answers of a method are about: everything that goes by key (freshness, cache, ramp) follows from it. */
export interface AnswersAbout<Request> {
  /** Source and kind of the aggregate, as in `projects/project`. */
  aggregate: `${string}/${string}`;
  /** The aggregate's id; undefined for a request that is about several, as lists are. */
  keyOf: (request: Request) => string | undefined;
}

/** A replica that a subscriber of this process keeps. */
export interface FollowedReplica<Request, Response> {
  subscriber: BackgroundSubscriber;
  /** Reads what the provider would answer; undefined: there is no such thing. */
  read: EdgeReplica<Request, Response>['read'];
  /**
   * Whether the source has rows that are in no event of its. `required`: its table is older than its outbox, so the gate waits
   * for a backfill that is done and applied · `not-needed`: it never does. Default: only for a backfill that somebody has begun,
   * and where the source has begun another history.
   */
  backfill?: 'required' | 'not-needed';
}

/**
 * As fresh as what the subscriber has applied. Nothing is known of an aggregate whose events are parked, and lists are as old
 * as the oldest event that is.
 */
export function edgeReplicaOf<Request, Response>(
  { subscriber, read, backfill: declared }: FollowedReplica<Request, Response>,
  { aggregate, keyOf: idOf }: AnswersAbout<Request>,
): EdgeReplica<Request, Response> {
  const kind = kindOf(aggregate);
  const backfill = new ReplicaBackfill({
    ...{ nats: subscriber.nats, source: sourceOf(aggregate), aggregate: kind, declared },
    progress: () => subscriber.sourceFreshness,
  });
  const keyOf = (request: Request): string | undefined => {
    const id = idOf(request);
    return id === undefined ? undefined : `${kind}/${id}`;
  };
  return {
    read,
    freshness: (request) => {
      if (request === undefined) return subscriber.freshness();
      const key = keyOf(request);
      if (key !== undefined) return subscriber.freshness({ key });
      const { listsAsOfMs, epoch } = subscriber.freshness();
      return { asOfMs: listsAsOfMs, epoch };
    },
    keyOf,
    subscriber: () => subscriberReportOf(subscriber, backfill),
    refresh: () => backfill.refresh(),
    reaches: (token, options) => subscriber.waitFor(token, options),
  };
}

/** Of all that the subscriber reads: a handler may write from one source what another's answers show. */
function subscriberReportOf(
  { status, sourceFreshness }: BackgroundSubscriber,
  backfill: ReplicaBackfill,
): ReplicaSubscriberReport | undefined {
  if (status === undefined) return undefined;
  const { state, because, sources } = status;
  const lags = sources.flatMap(({ lagPositions }) => lagPositions ?? []);
  const stopped = stoppedPartitions(status);
  return {
    state,
    ...(because === undefined ? {} : { because }),
    parkedKeys: sources.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0),
    lagPositions: lags.length === 0 ? null : Math.max(...lags),
    relayAgeMs: relayAgeOf(sourceFreshness),
    ...(stopped === undefined ? {} : { stopped }),
    backfill: backfill.standing(),
  };
}

/** Of the source whose relay said something longest ago. */
function relayAgeOf(sources: readonly SourceFreshness[]): number | null {
  const heard = sources.map(({ heartbeatMs }) => heartbeatMs ?? -Infinity);
  const oldestMs = Math.min(...heard);
  return Number.isFinite(oldestMs) ? Math.max(0, Math.round(Date.now() - oldestMs)) : null;
}

/** `project` of `projects/project`. */
export function kindOf(aggregate: string): string {
  return aggregate.slice(aggregate.indexOf('/') + 1);
}

/** `projects` of `projects/project`. */
export function sourceOf(aggregate: string): string {
  return aggregate.slice(0, aggregate.indexOf('/'));
}
