import type { Client } from 'pg';
import { HandlerFailure, isAbortedTransaction } from './fault.js';
import type { EventGroup } from './handler.js';
import type { HandlerTable } from './handler-table.js';
import type { IncomingEvent } from './incoming-event.js';

/** Runs the handlers of one transaction's events, gathering what may be done together. */
export class BatchRun {
  readonly #tx: Client;
  readonly #handlers: HandlerTable;
  /** What is gathered, in the order in which the groups began. At most one of them is a `run`. */
  readonly #pending = new Map<EventGroup, IncomingEvent[]>();
  #run: EventGroup | undefined;

  constructor(tx: Client, handlers: HandlerTable) {
    this.#tx = tx;
    this.#handlers = handlers;
  }

  /** True if anybody wants the event. @throws HandlerFailure */
  async add(event: IncomingEvent): Promise<boolean> {
    const groups = this.#handlers.of(event);
    for (const group of groups) await this.#give(group, event);
    return groups.length > 0;
  }

  /** Applies what is gathered. @throws HandlerFailure */
  async flush(): Promise<void> {
    for (const [group, events] of this.#pending) await this.#apply(group, events);
    this.#pending.clear();
    this.#run = undefined;
  }

  async #give(group: EventGroup, event: IncomingEvent): Promise<void> {
    const alone = group.takes === 'each';
    if (alone || (group.takes === 'run' && this.#run !== undefined && this.#run !== group))
      await this.flush();
    if (alone) return this.#apply(group, [event]);
    if (group.takes === 'run') this.#run = group;
    const gathered = this.#pending.get(group);
    if (gathered === undefined) this.#pending.set(group, [event]);
    else gathered.push(event);
  }

  async #apply(group: EventGroup, events: readonly IncomingEvent[]): Promise<void> {
    try {
      await group.apply(this.#tx, events);
    } catch (error) {
      if (error instanceof HandlerFailure) throw error;
      const told = events.length === 1 && !isAbortedTransaction(error);
      throw new HandlerFailure(error, told ? events[0] : undefined);
    }
  }
}
