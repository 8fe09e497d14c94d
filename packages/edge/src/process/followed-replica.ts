import type { EdgeReplica } from '../query/replica.js';
import type { BackgroundSubscriber } from './background-subscriber.js';

/** A replica that a subscriber of this process keeps, and how it answers. */
export interface FollowedReplica<Request, Response> {
  subscriber: BackgroundSubscriber;
  /**
   * The aggregate that an answer is about, e.g. `project/p1`: nothing is known of it while its events are parked. Undefined
   * where an answer is about several, as lists are: it is as old as the oldest parked event then.
   */
  keyOf: (request: Request) => string | undefined;
  /** Reads what the provider would answer; undefined: there is no such thing. */
  read: EdgeReplica<Request, Response>['read'];
}

/** As fresh as what the subscriber has applied. */
export function edgeReplicaOf<Request, Response>({
  subscriber,
  keyOf,
  read,
}: FollowedReplica<Request, Response>): EdgeReplica<Request, Response> {
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
    reaches: (token, options) => subscriber.waitFor(token, options),
  };
}
