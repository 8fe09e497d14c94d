import type { EventDefinition } from '@banyan/contracts';
import { contextOf, type EventContext } from '../handler.js';
import type { IncomingEvent } from '../incoming-event.js';
import { traced } from '../trace.js';

/** How often an event has come. At least once: a listener has no database in which it could know better. */
export interface Delivery {
  /** 1 at first; counts up each time the handler is tried again. A restarted process begins anew. */
  readonly attempt: number;
  /**
   * The broker has sent it before: perhaps to a process that was killed after it had handled it. False does not promise
   * that nobody has seen the event: a recreated stream sends it as new.
   */
  readonly redelivered: boolean;
}

/** What a listener may want to know besides the event's data. There is no transaction. */
export interface ListenerContext extends Omit<EventContext, 'attempt'> {
  readonly delivery: Delivery;
}

/**
 * Handles one event, at least once: make it so that a second time does no harm, e.g. by the event's id. Throwing makes it
 * come again, while later events of its key wait.
 */
export type ListenerHandler<T> = (data: T, context: ListenerContext) => Promise<void> | void;

/** An event type and what hears of it. Made by `listenTo`. */
export interface ListenerEntry {
  readonly source: string;
  readonly aggregate: string;
  readonly type: string;
  readonly handle: (event: IncomingEvent, delivery: Delivery) => Promise<void>;
}

/** Says what to do at one type of event; the event's definition gives `data` its type. */
export function listenTo<T>(definition: EventDefinition<T>, handler: ListenerHandler<T>): ListenerEntry {
  const { source, aggregate, type } = definition;
  const handle = (event: IncomingEvent, delivery: Delivery): Promise<void> =>
    traced(event, async () => handler(definition.decode(event.payload), listenerContextOf(event, delivery)));
  return { source, aggregate, type, handle };
}

export function listenerContextOf(event: IncomingEvent, delivery: Delivery): ListenerContext {
  const { attempt: _, ...context } = contextOf(event);
  return { ...context, delivery };
}
