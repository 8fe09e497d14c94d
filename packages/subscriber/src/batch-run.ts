import { BanyanError } from '@banyan/runtime';
import type { Client } from 'pg';
import { HandlerFailure, isAbortedTransaction, isStillRunning } from './fault.js';
import type { EventGroup } from './handler.js';
import type { HandlerTable } from './handler-table.js';
import type { IncomingEvent } from './incoming-event.js';
import type { ReplicaCopy } from './position-store.js';

export interface BatchRunParts {
  tx: Client;
  handlers: HandlerTable;
  /** Copies that are filled beside their replicas. */
  copies: readonly ReplicaCopy[];
  /** How long one call of a handler may take. */
  handlerTimeoutMs: number;
}

/** Runs the handlers of one transaction's events, gathering what may be done together. */
export class BatchRun {
  readonly #parts: BatchRunParts;
  /** What is gathered, in the order in which the groups began. At most one of them is a `run`. */
  readonly #pending = new Map<EventGroup, IncomingEvent[]>();
  #run: EventGroup | undefined;

  constructor(parts: BatchRunParts) {
    this.#parts = parts;
  }

  /** True if anybody wants the event. @throws HandlerFailure */
  async add(event: IncomingEvent): Promise<boolean> {
    const groups = this.#parts.handlers.of(event);
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
      await this.#inTime(group.apply(this.#parts.tx, events, this.#parts.copies));
    } catch (error) {
      if (error instanceof HandlerFailure) throw error;
      // A replica's statements wait for locks or for the database, never for the event.
      if (group.takes === 'gathered' && isStillRunning(error)) throw error;
      const told = events.length === 1 && !isAbortedTransaction(error);
      throw new HandlerFailure(error, told ? events[0] : undefined);
    }
  }
  async #inTime(work: Promise<void>): Promise<void> {
    const { handlerTimeoutMs } = this.#parts;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new BanyanError('BANYAN_HANDLER_TIMEOUT', `it had not ended after ${handlerTimeoutMs} ms`));
      }, handlerTimeoutMs);
    });
    try {
      await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
