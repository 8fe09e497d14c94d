import { backoffDelayMs, messageOf } from '@banyan/runtime';
import { HandlerFailure, isCircumstance, sqlStateOf } from '../fault.js';
import type { IncomingEvent } from '../incoming-event.js';
import type { HeldKey } from './lease-store.js';
import type { FailedAttempt } from '../parking/parked-store.js';
import { ParkedRetry } from '../parking/parked-retry.js';
import type { StreamHint } from '../position-store.js';
import type { Session } from '../session.js';
import { LaneTransaction, type Applied, type LaneParts } from './lane-transaction.js';

/** Queued events that one turn takes out of a parked key, so that the lane's own events do not wait for long. */
const QUEUE_TURN = 100;

export interface ApplierOptions {
  maxAttempts: number;
  handlerTimeoutMs: number;
  parkedFirstDelayMs: number;
  parkedMaxDelayMs: number;
  /** Told of every commit. */
  onApplied: (applied: Applied) => void;
  /** Told of a key that was parked, with what it failed of; before it is told of the commit. */
  onFailed: (event: IncomingEvent, error: string) => void;
}

/** Applies a lane's batches, narrows failures down to the events that fail, and parks those. */
export class LaneApplier {
  readonly #session: Session;
  readonly #options: ApplierOptions;
  readonly #transaction: LaneTransaction;
  readonly #retry: ParkedRetry;

  constructor(
    session: Session,
    parts: Omit<LaneParts, 'session' | 'handlerTimeoutMs'>,
    options: ApplierOptions,
  ) {
    this.#session = session;
    this.#options = options;
    const all = { ...parts, session, handlerTimeoutMs: options.handlerTimeoutMs };
    this.#transaction = new LaneTransaction(all);
    this.#retry = new ParkedRetry(all);
  }

  /**
   * Applies the events in order; those that fail are parked, and all others are committed.
   * @param hintAfter where to go on reading once these events are committed
   * @throws whatever is not an event's fault; then the rest has to come again
   */
  async apply(
    events: readonly IncomingEvent[],
    hintAfter: (events: readonly IncomingEvent[]) => StreamHint | undefined,
  ): Promise<void> {
    if (events.length === 0) return;
    try {
      this.#options.onApplied(await this.#transaction.apply(events, { hint: hintAfter(events) }));
    } catch (error) {
      if (!this.#isEventsFault(error)) throw error;
      await this.#narrow(events, error, hintAfter);
    }
  }

  /** Tries a parked key again. True: it succeeded, and more wait that may be tried now. */
  async retry(key: HeldKey): Promise<boolean> {
    try {
      for (let turn = 0; turn < QUEUE_TURN; turn++) if (!(await this.#retry.tryHead(key))) return false;
      return true;
    } catch (error) {
      if (!this.#isEventsFault(error)) throw error;
      await this.#retry.noteFailure(key, (attempt) => this.#planAfter(attempt, error));
      return false;
    }
  }

  async #narrow(
    events: readonly IncomingEvent[],
    error: unknown,
    hintAfter: (events: readonly IncomingEvent[]) => StreamHint | undefined,
  ): Promise<void> {
    const culprit = error instanceof HandlerFailure ? error.event : undefined;
    const index = culprit === undefined ? -1 : events.indexOf(culprit);
    const failed = events.length === 1 ? 0 : index;
    if (failed < 0) {
      const half = Math.ceil(events.length / 2);
      await this.apply(events.slice(0, half), hintAfter);
      return this.apply(events.slice(half), hintAfter);
    }
    await this.apply(events.slice(0, failed), hintAfter);
    await this.#park(events[failed], error, hintAfter);
    await this.apply(events.slice(failed + 1), hintAfter);
  }

  async #park(
    event: IncomingEvent | undefined,
    error: unknown,
    hintAfter: (events: readonly IncomingEvent[]) => StreamHint | undefined,
  ): Promise<void> {
    if (event === undefined) return;
    const failed = { event, ...this.#planAfter(1, error) };
    const applied = await this.#transaction.apply([event], { hint: hintAfter([event]), failed });
    // Told between the commit and the position: a look that began before the commit does not show the key.
    this.#options.onFailed(event, failed.error);
    this.#options.onApplied(applied);
  }

  #planAfter(attempt: number, error: unknown): FailedAttempt {
    const { maxAttempts, parkedFirstDelayMs: firstMs, parkedMaxDelayMs: maxMs } = this.#options;
    const cause = error instanceof HandlerFailure ? error.cause : error;
    const retryInMs = attempt >= maxAttempts ? undefined : backoffDelayMs(attempt - 1, { firstMs, maxMs });
    return { error: messageOf(cause), retryInMs };
  }

  #isEventsFault(error: unknown): boolean {
    if (this.#session.isBroken || isCircumstance(error)) return false;
    return error instanceof HandlerFailure || sqlStateOf(error) !== undefined;
  }
}
