import type { EventDefinition } from '@banyan/contracts';

/** Which answers an event is about, besides those of its own aggregate. Made by `invalidateOn`. */
export interface Invalidation {
  readonly source: string;
  readonly aggregate: string;
  readonly type: string;
  /** @throws whatever cannot be read from the payload */
  readonly tagsOf: (payload: Uint8Array) => readonly string[];
}

/**
 * Says that an event also invalidates answers whose key is not its aggregate's id. An edge finds them by its `aggregate`,
 * which is then `<source>/<kind>`.
 * @param kind of the keys, e.g. `team-projects`
 */
export function invalidateOn<T>(
  definition: EventDefinition<T>,
  kind: string,
  keysOf: (data: T) => readonly string[],
): Invalidation {
  const { source, aggregate, type } = definition;
  const tagsOf = (payload: Uint8Array): readonly string[] => {
    const keys = keysOf(definition.decode(payload));
    return keys.length === 0 ? [] : [kind, ...keys.map((key) => `${kind}/${key}`)];
  };
  return { source, aggregate, type, tagsOf };
}
