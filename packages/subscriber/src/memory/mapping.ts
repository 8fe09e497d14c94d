import type { EventDefinition } from '@banyan/contracts';

/** What an event does to the entry of its aggregate. */
export type EntryChange<V> =
  | { readonly does: 'set'; readonly key: string; readonly value: V }
  | { readonly does: 'remove'; readonly key: string };

/** Turns one type of event into what it leaves behind of its aggregate. Made by `entryFrom` and `removeOn`. */
export interface MemoryMapping<V> {
  readonly source: string;
  readonly aggregate: string;
  readonly type: string;
  readonly change: (payload: Uint8Array) => EntryChange<V>;
}

/**
 * Says which value an event leaves behind.
 * @param keyOf the entry's key; default: the aggregate's id
 */
export function entryFrom<T, V>(
  definition: EventDefinition<T>,
  valueOf: (data: T) => V,
  keyOf: (data: T) => string = (data) => definition.keyOf(data),
): MemoryMapping<V> {
  const { source, aggregate, type } = definition;
  const change = (payload: Uint8Array): EntryChange<V> => {
    const data = definition.decode(payload);
    return { does: 'set', key: keyOf(data), value: valueOf(data) };
  };
  return { source, aggregate, type, change };
}

/** Says that an event removes the entry of its aggregate. @param keyOf the entry's key; default: the aggregate's id */
export function removeOn<T>(
  definition: EventDefinition<T>,
  keyOf: (data: T) => string = (data) => definition.keyOf(data),
): MemoryMapping<never> {
  const { source, aggregate, type } = definition;
  const change = (payload: Uint8Array): EntryChange<never> => ({
    does: 'remove',
    key: keyOf(definition.decode(payload)),
  });
  return { source, aggregate, type, change };
}
