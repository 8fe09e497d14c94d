import type { EventDefinition } from '@banyan/contracts';
import type { Queryable } from '@banyan/runtime';
import type { IncomingEvent } from './incoming-event.js';

/** What a handler may want to know besides the event's data. */
export type EventContext = Omit<IncomingEvent, 'payload'>;

/**
 * Applies one event. It writes through `tx` only: its writes and the subscriber's position commit together or not at all.
 * What it does elsewhere (mail, calls) may happen again after a crash. Throwing rolls back; the event is tried again.
 */
export type EventHandler<T> = (tx: Queryable, data: T, context: EventContext) => Promise<void>;

/** A handler together with the event type that it is for. Made by `on`. */
export interface HandlerEntry {
  readonly source: string;
  readonly type: string;
  readonly handle: (tx: Queryable, event: IncomingEvent) => Promise<void>;
}

/** Says what to do with one type of event; the event's definition gives `data` its type. */
export function on<T>(definition: EventDefinition<T>, handler: EventHandler<T>): HandlerEntry {
  return {
    source: definition.source,
    type: definition.type,
    handle: (tx, event) => handler(tx, definition.decode(event.payload), event),
  };
}
