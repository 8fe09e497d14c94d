import { BanyanError, isBanyanError, messageOf } from '@banyan/runtime';
import type { IncomingEvent } from './incoming-event.js';

/** A handler failed. `event` is the culprit, if it can be told from the others of its batch. */
export class HandlerFailure extends BanyanError {
  readonly event: IncomingEvent | undefined;

  constructor(cause: unknown, event: IncomingEvent | undefined) {
    const what = event === undefined ? 'a batch' : describe(event);
    super('BANYAN_HANDLER_FAILED', `${what}: ${messageOf(cause)}`, { cause });
    this.event = event;
  }
}

/** True if a handler had not ended in time, and perhaps never will: what it was given must be taken from it. */
export function isStillRunning(error: unknown): boolean {
  const cause = error instanceof HandlerFailure ? error.cause : error;
  return isBanyanError(cause, 'BANYAN_HANDLER_TIMEOUT');
}

export function describe(event: IncomingEvent): string {
  const { source, epoch, n, type, aggregate, aggregateId } = event;
  return `${source} ${epoch}.${n} ${type} of ${aggregate} ${aggregateId}`;
}

/** SQLSTATE of an error, also where a query builder has wrapped it. */
export function sqlStateOf(error: unknown): string | undefined {
  for (let seen = error, depth = 0; seen instanceof Error && depth < 5; seen = seen.cause, depth++) {
    if ('code' in seen && typeof seen.code === 'string' && /^[0-9A-Z]{5}$/.test(seen.code)) return seen.code;
  }
  return undefined;
}

// Connection, serialization and deadlock, resources, operator, system, lock timeout, read-only server.
const CIRCUMSTANCES = /^(08...|40...|53...|57P..|58...|55P03|25006)$/;

/**
 * True if the database, and not the event, is why it failed: the same may succeed later without anybody's doing. A
 * cancelled statement (57014) is none of these: a statement that always takes too long would hold up its lane for ever.
 */
export function isCircumstance(error: unknown): boolean {
  return CIRCUMSTANCES.test(sqlStateOf(error) ?? '');
}

/** An earlier handler swallowed an error: the one that met the aborted transaction may not be the culprit. */
export function isAbortedTransaction(error: unknown): boolean {
  return sqlStateOf(error) === '25P02';
}
