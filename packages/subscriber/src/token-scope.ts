import { TOKEN_HEADER, TokenScope, TokenSet } from '@banyan/runtime';
import type { IncomingEvent } from './incoming-event.js';

/**
 * The scope in which an event's handler runs: it has seen what the event's writer had seen, and the event. So what it asks
 * of others is no older than the event, and what it emits says the same.
 *
 * @param source by the name that all shards of the source share
 */
export function scopeOf(event: IncomingEvent, source: string): TokenScope {
  const { aggregate, aggregateId: id, version, epoch } = event;
  const came = TokenSet.decode(event.headers.get(TOKEN_HEADER));
  if (version !== undefined) {
    // A shard's epoch is its own, and says nothing about the source's others.
    came.add({ source, aggregate, id, version, epoch: event.source === source ? epoch : undefined });
  }
  return new TokenScope(came);
}
