import { committing } from '@banyan/runtime';
import { BatchRun } from '../batch-run.js';
import type { HandlerTable } from '../handler-table.js';
import { rollback } from '../lanes/lane-transaction.js';
import type { Begun, LockedPosition, PositionStore } from '../position-store.js';
import type { Session } from '../session.js';
import type { FailedAttempt, ParkedAggregate, ParkedHead, ParkedStore } from './parked-store.js';

export interface RetryParts {
  session: Session;
  lane: number;
  store: PositionStore;
  parked: ParkedStore;
  handlers: HandlerTable;
  handlerTimeoutMs: number;
}

/** A parked key of one partition. */
export type ParkedPlace = ParkedAggregate & { partition: number };

/** Tries the first event of a parked key again, under the lock of its partition's position. */
export class ParkedRetry {
  readonly #parts: RetryParts;

  constructor(parts: RetryParts) {
    this.#parts = parts;
  }

  /**
   * Applies the first event of the key, alone, and takes it out of the queue in the same transaction.
   * @returns what is left: true if more wait behind it
   * @throws what the handler threw, after rolling back
   */
  tryHead(key: ParkedPlace): Promise<boolean> {
    return committing(() => this.#apply(key));
  }

  #apply(key: ParkedPlace): Promise<boolean> {
    return this.#locked(key, async (head, position, copies) => {
      const { client } = this.#parts.session;
      const run = new BatchRun({ ...this.#parts, tx: client, copies });
      await run.add(head.event);
      await run.flush();
      if (await this.#parts.parked.done(client, head)) position.heldKeys -= 1;
      return head.more;
    });
  }

  /** Writes down that the attempt failed. @param plan what follows after so many attempts */
  async noteFailure(key: ParkedPlace, plan: (attempt: number) => FailedAttempt): Promise<void> {
    await this.#locked(key, async ({ event }) => {
      await this.#parts.parked.failed(this.#parts.session.client, key, plan(event.attempt));
      return false;
    });
  }

  /** Runs work on the head of the key if its time has come, and commits. */
  async #locked(
    key: ParkedPlace,
    work: (head: ParkedHead, position: LockedPosition, copies: Begun['copies']) => Promise<boolean>,
  ): Promise<boolean> {
    const { session, store, parked, lane } = this.#parts;
    const { client } = session;
    try {
      const { positions, copies } = await store.begin(client, [key.partition]);
      const position = positions.get(key.partition);
      const head = await parked.head(client, key);
      const more = head !== undefined && position !== undefined && (await work(head, position, copies));
      await store.commit(client, { lane, moved: positions, hint: undefined });
      return more;
    } catch (error) {
      await rollback(session, error);
      throw error;
    }
  }
}
