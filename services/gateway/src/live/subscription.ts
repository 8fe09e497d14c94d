import type { RefetchReason } from './frames.js';
import type { Place } from './place.js';
import type { Resource } from './resource.js';
import type { SourceFeed } from './source-feed.js';

/**
 * - live: it has been sent everything that has come
 * - behind: everything after `at` is still to be sent
 * - lost: what is to be sent cannot be told any more; its client must read all anew
 */
export type SubscriptionState =
  { is: 'live' } | { is: 'behind'; at: Place } | { is: 'lost'; because: RefetchReason };

/** What a client wants to be told of. */
export class Subscription {
  readonly id: string;
  readonly resource: Resource;
  readonly feed: SourceFeed;
  state: SubscriptionState;
  /** True while somebody brings it up to date. */
  isCatchingUp = false;

  constructor(given: { id: string; resource: Resource; feed: SourceFeed }, state: SubscriptionState) {
    this.id = given.id;
    this.resource = given.resource;
    this.feed = given.feed;
    this.state = state;
  }

  /** After which event its client stands; undefined: not known. */
  get place(): Place | undefined {
    if (this.state.is === 'lost') return undefined;
    return this.state.is === 'behind' ? this.state.at : this.feed.end;
  }
}
