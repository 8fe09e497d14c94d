import type { LiveEvent } from './live-event.js';
import { indexKeysOf, relationOf, type Relation } from './resource.js';
import type { Subscription } from './subscription.js';

/** Finds the subscriptions that an event is something to, without asking all. Entries belong to clients of type `C`. */
export class WatchIndex<C> {
  readonly #byKey = new Map<string, Map<Subscription, C>>();
  readonly #all = new Map<Subscription, C>();

  get size(): number {
    return this.#all.size;
  }

  add(subscription: Subscription, client: C): void {
    const { indexKey } = subscription.resource;
    const entries = this.#byKey.get(indexKey) ?? new Map<Subscription, C>();
    this.#byKey.set(indexKey, entries.set(subscription, client));
    this.#all.set(subscription, client);
  }

  remove(subscription: Subscription): void {
    const { indexKey } = subscription.resource;
    const entries = this.#byKey.get(indexKey);
    entries?.delete(subscription);
    if (entries?.size === 0) this.#byKey.delete(indexKey);
    this.#all.delete(subscription);
  }

  /** Everybody that the event is something to, by client. */
  find(event: LiveEvent): Map<C, Map<Subscription, Relation>> {
    const found = new Map<C, Map<Subscription, Relation>>();
    for (const entries of this.#candidates(event)) {
      for (const [subscription, client] of entries) {
        const relation = relationOf(subscription.resource, event);
        if (relation === 'unrelated') continue;
        const ofClient = found.get(client) ?? new Map<Subscription, Relation>();
        found.set(client, ofClient.set(subscription, relation));
      }
    }
    return found;
  }

  entries(): Iterable<[Subscription, C]> {
    return this.#all;
  }

  #candidates(event: LiveEvent): Map<Subscription, C>[] {
    // What cannot be read may be about anything of its kind.
    if (event.facets === undefined) return [this.#all];
    return [...indexKeysOf(event)].flatMap((key) => this.#byKey.get(key) ?? []);
  }
}
