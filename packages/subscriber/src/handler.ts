import type { EventDefinition, Position } from '@banyan/contracts';
import { formatPosition } from '@banyan/contracts';
import type { Client } from 'pg';
import type { IncomingEvent } from './incoming-event.js';
import type { ReplicaCopy } from './position-store.js';
import { scopeOf } from './token-scope.js';
import { traced } from './trace.js';

/** What a handler may want to know besides the event's data. */
export interface EventContext {
  /** The source that sent it; of a sharded source the very shard: `projects-1`. */
  readonly source: string;
  /** The kind of aggregate that it is about, e.g. `project`. */
  readonly aggregate: string;
  /** The aggregate's id. */
  readonly id: string;
  readonly type: string;
  /** The event's own id: the same whenever and wherever it comes. */
  readonly eventId: string;
  /** The aggregate's version after the event; undefined when its writer keeps none. */
  readonly version: number | undefined;
  readonly position: Position;
  readonly partition: number;
  /** When the writer emitted it, by the source database's clock. */
  readonly time: Date;
  /** All headers, the writer's own among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The writer's W3C `traceparent`; undefined without one. Handlers already run within that trace. */
  readonly trace: string | undefined;
  /** 1 at first; counts up while the event's key is parked. */
  readonly attempt: number;
}

/**
 * Applies one event. It writes through `tx` only: its writes and the subscriber's position commit together or not at all.
 * What it does elsewhere (mail, calls) may happen again after a crash. Throwing rolls back and parks the event's key.
 *
 * It runs in a `TokenScope` that has seen the event and what the event's writer had seen.
 *
 * `tx` is a pg client in a transaction that is not the handler's to end. With Drizzle: `drizzle({ client: tx })`; with
 * Kysely: see `kyselyPool`.
 */
export type EventHandler<T> = (tx: Client, data: T, context: EventContext) => Promise<void>;

/** One of the events that an `onBatch` handler is given. */
export interface BatchEvent<T> {
  readonly data: T;
  readonly context: EventContext;
}

/** Applies a run of events of one type, in order. Throwing makes it try again with fewer, down to the one that fails. */
export type BatchHandler<T> = (tx: Client, events: readonly BatchEvent<T>[]) => Promise<void>;

/**
 * What applies events of a transaction.
 * - `each`: at once, one by one
 * - `run`: as many as follow each other, together
 * - `gathered`: together at the end, or before any other handler; the group's events must not care about others' order
 */
export interface EventGroup {
  readonly takes: 'each' | 'run' | 'gathered';
  readonly apply: (
    tx: Client,
    events: readonly IncomingEvent[],
    copies: readonly ReplicaCopy[],
  ) => Promise<void>;
}

/** An event type and what applies it. Made by `on`, `onBatch` and `replica`. */
export interface HandlerEntry {
  readonly source: string;
  readonly aggregate: string;
  readonly type: string;
  readonly group: EventGroup;
}

/** Says what to do with one type of event; the event's definition gives `data` its type. */
export function on<T>(definition: EventDefinition<T>, handler: EventHandler<T>): HandlerEntry {
  const apply = async (tx: Client, events: readonly IncomingEvent[]): Promise<void> => {
    for (const event of events) {
      await scopeOf(event, definition.source).run(() =>
        traced(event, () => handler(tx, definition.decode(event.payload), contextOf(event))),
      );
    }
  };
  return entryOf(definition, { takes: 'each', apply });
}

/** Like `on`, but hands over as many events of the type as follow each other in a transaction: one statement for all. */
export function onBatch<T>(definition: EventDefinition<T>, handler: BatchHandler<T>): HandlerEntry {
  const apply = (tx: Client, events: readonly IncomingEvent[]): Promise<void> =>
    handler(
      tx,
      events.map((event) => ({ data: definition.decode(event.payload), context: contextOf(event) })),
    );
  return entryOf(definition, { takes: 'run', apply });
}

export function entryOf(
  { source, aggregate, type }: Pick<HandlerEntry, 'source' | 'aggregate' | 'type'>,
  group: EventGroup,
): HandlerEntry {
  return { source, aggregate, type, group };
}

export function contextOf(event: IncomingEvent): EventContext {
  const { source, aggregate, type, eventId, version, partition, time, headers, attempt } = event;
  return {
    source,
    aggregate,
    id: event.aggregateId,
    type,
    eventId,
    version,
    position: formatPosition(event.epoch, event.n),
    partition,
    time,
    attempt,
    trace: headers.get('traceparent') || undefined,
    // Few handlers look at them.
    get headers() {
      return Object.fromEntries([...headers].map(([name, values]) => [name, values[0] ?? '']));
    },
  };
}
