import type { Freshness, TokenWait, WaitOptions } from '@banyan/subscriber';
import type { ReadContext } from '../query/replica.js';

/** The messages of a stream, in the provider's order: an array, a generator, a cursor. */
export type Messages<Message> = AsyncIterable<Message> | Iterable<Message>;

/**
 * A local read model that can answer one server-streaming method. Each message is the caller's to keep: an in-memory replica
 * must not hand out its own objects if callers change what they get.
 */
export interface StreamReplica<Request, Message> {
  /**
   * The messages that the provider would send, or undefined if there is no such thing. They are drawn one at a time, when
   * the caller reads; `return()` is called on the iterator when he stops before the end, so a generator's `finally` can
   * close a cursor. The signal aborts when the call is over.
   */
  read: (
    request: Request,
    context: ReadContext,
  ) => Messages<Message> | undefined | Promise<Messages<Message> | undefined>;
  /** How fresh the messages would be; see `EdgeReplica.freshness`. Looked at around the first message, not later. */
  freshness: (request?: Request) => Freshness;
  /** See `EdgeReplica.reaches`. Without it, what a caller has seen is waited for by time alone. */
  reaches?: (token: string, options: WaitOptions) => Promise<TokenWait>;
}
