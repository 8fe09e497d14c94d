import type { ReplicaSubscriberReport } from '@banyan/control';
import type { Freshness, TokenWait, WaitOptions } from '@banyan/subscriber';

/** What the reading of a replica may take. */
export interface ReadContext {
  /** Aborts when the time for the read is over; give it to whatever can be interrupted. Made when first asked for. */
  readonly signal: AbortSignal;
}

/**
 * A local read model that can answer one method. Each answer is the caller's to keep: an in-memory replica must not hand
 * out its own objects if callers change what they get.
 */
export interface EdgeReplica<Request, Response> {
  /**
   * The answer that the provider would give, or undefined if there is no such thing. May throw BANYAN_REPLICA_STALE where
   * only the read itself tells that the answer is behind.
   */
  read: (request: Request, context: ReadContext) => Promise<Response | undefined>;
  /**
   * How fresh the answer to a request would be; without one, how fresh all else is. Nothing is known of a key that is parked
   * or was skipped. Cheap and immediate: it is asked once a read.
   */
  freshness: (request?: Request) => Freshness;
  /**
   * The aggregate whose version an answer shows, e.g. `project/p1`; undefined for a request whose answer shows several, as
   * lists do: all that the caller has seen of the source is awaited then. Default: undefined for all requests.
   */
  keyOf?: (request: Request) => string | undefined;
  /** How what keeps the replica is doing; the edge's gate asks it. Default: not known. Must be cheap. */
  subscriber?: () => ReplicaSubscriberReport | undefined;
  /** Asks others for what `subscriber` tells of them, before an operator gets to see it. Default: nobody. */
  refresh?: () => Promise<void>;
  /**
   * Waits until a later read sees at least what the token says: `Subscriber.waitFor`. Default: an answer is read again until
   * it shows the version, and what it cannot show (deletes, lists) counts as not reached.
   */
  reaches?: (token: string, options: WaitOptions) => Promise<TokenWait>;
}
