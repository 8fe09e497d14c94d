import { BanyanError, messageOf } from '@banyan/runtime';
import { isShardOf } from '../handler-table.js';
import type { IncomingEvent } from '../incoming-event.js';
import type { EntryChange, MemoryMapping } from './mapping.js';

export interface EntriesOptions<V> {
  name: string;
  mappings: readonly MemoryMapping<V>[];
  maxEntries: number;
  /** Told of an event that a mapping fails on. */
  onFailed: (event: IncomingEvent, error: string) => void;
}

/** The map, and which aggregates it does not know the state of, since a mapping failed on their last event. */
export class Entries<V> {
  readonly #options: EntriesOptions<V>;
  readonly #values = new Map<string, V>();
  /** By aggregate: the key under which it is asked for, and why nothing is known of it. */
  readonly #failed = new Map<string, string>();

  constructor(options: EntriesOptions<V>) {
    this.#options = options;
  }

  get size(): number {
    return this.#values.size;
  }

  /** @throws BanyanError BANYAN_REPLICA_STALE for an entry whose last event could not be mapped */
  get(key: string): V | undefined {
    const because = this.#failed.size === 0 ? undefined : this.#failed.get(key);
    if (because === undefined) return this.#values.get(key);
    throw new BanyanError(
      'BANYAN_REPLICA_STALE',
      `replica ${this.#options.name}: entry ${key} is behind: ${because}`,
    );
  }

  /** @throws BanyanError BANYAN_REPLICA_FULL */
  set(key: string, value: V): void {
    this.#values.set(key, value);
    const { name, maxEntries } = this.#options;
    if (this.#values.size <= maxEntries) return;
    throw new BanyanError(
      'BANYAN_REPLICA_FULL',
      `replica ${name} has more than ${maxEntries} entries (maxEntries)`,
    );
  }

  /** @throws BanyanError BANYAN_REPLICA_FULL */
  apply(event: IncomingEvent): void {
    const mapping = this.#options.mappings.find(
      ({ source, aggregate, type }) =>
        aggregate === event.aggregate && type === event.type && isShardOf(event.source, source),
    );
    if (mapping === undefined) return;
    const change = this.#changeOf(event, mapping);
    if (change === undefined) return;
    this.#failed.delete(event.aggregateId);
    this.#failed.delete(change.key);
    if (change.does === 'remove') this.#values.delete(change.key);
    else this.set(change.key, change.value);
  }

  #changeOf(event: IncomingEvent, mapping: MemoryMapping<V>): EntryChange<V> | undefined {
    try {
      return mapping.change(event.payload);
    } catch (error) {
      const because = messageOf(error);
      // The entry's key may be in what could not be read; most have the aggregate's id.
      this.#failed.set(event.aggregateId, because);
      this.#options.onFailed(event, because);
      return undefined;
    }
  }
}
