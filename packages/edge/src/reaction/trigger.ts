import type { EventDefinition } from '@banyan/contracts';
import { on, type EventContext, type HandlerEntry } from '@banyan/subscriber';
import type { ClientBase } from 'pg';

/** What a receiver does with an event: the request is built only if the event is to be acted on. */
export type React<Request> = (
  tx: ClientBase,
  requestOf: () => Request | undefined,
  context: EventContext,
) => Promise<void>;

/** One type of event that triggers a reaction, and the request that it stands for. Made by `trigger`. */
export interface Trigger<Request> {
  readonly event: EventDefinition;
  readonly requestOf: (data: unknown) => Request | undefined;
  readonly entry: (react: React<Request>) => HandlerEntry;
}

/**
 * Says which event triggers a reaction, and with which request its receiver would be called for it. Caller and receiver each
 * say it for themselves: the one builds its call of it, the other reads the event by it.
 *
 * @param requestOf undefined: this event triggers nothing
 */
export function trigger<T, Request>(
  event: EventDefinition<T>,
  requestOf: (data: T) => Request | undefined,
): Trigger<Request> {
  return {
    event,
    requestOf: (data) => requestOf(data as T),
    entry: (react) => on(event, (tx, data, context) => react(tx, () => requestOf(data), context)),
  };
}

export function isTriggeredBy({ event }: Trigger<unknown>, other: EventDefinition): boolean {
  return event.source === other.source && event.aggregate === other.aggregate && event.type === other.type;
}
