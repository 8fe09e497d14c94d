import type { EventGroup, HandlerEntry } from './handler.js';

/** True if the source is the named one, or a shard of it: `projects-1` is one of `projects`. */
export function isShardOf(source: string, name: string): boolean {
  return source === name || (source.startsWith(`${name}-`) && /^\d+$/.test(source.slice(name.length + 1)));
}

/** Finds what applies the events of one source by their type. */
export class HandlerTable {
  readonly #groups = new Map<string, EventGroup[]>();

  constructor(source: string, handlers: readonly HandlerEntry[]) {
    for (const entry of handlers) {
      if (!isShardOf(source, entry.source)) continue;
      const key = `${entry.aggregate}.${entry.type}`;
      this.#groups.set(key, [...(this.#groups.get(key) ?? []), entry.group]);
    }
  }

  /** In the order in which they were given to the subscriber; none: nobody wants such events. */
  of(event: { aggregate: string; type: string }): readonly EventGroup[] {
    return this.#groups.get(`${event.aggregate}.${event.type}`) ?? [];
  }
}
