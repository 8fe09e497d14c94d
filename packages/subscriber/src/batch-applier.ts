import { BanyanError, messageOf } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import type { HandlerEntry } from './handler.js';
import type { IncomingEvent } from './incoming-event.js';
import { judge, type StoredPosition } from './judge.js';
import type { PositionStore, StreamHint } from './position-store.js';
import { traced } from './trace.js';

export interface ApplyCounts {
  applied: number;
  duplicates: number;
  /** Events of types that no handler wants: the position moves over them. */
  ignored: number;
}

export interface Applied extends ApplyCounts {
  /** The position of each partition, as committed. */
  positions: StoredPosition[];
  /** Why the rest of the batch must not be applied: BANYAN_GAP or BANYAN_OTHER_HISTORY. What came before it is committed. */
  refusal: BanyanError | undefined;
}

/** Applies batches of one source's events, each in one transaction together with the positions. */
export class BatchApplier {
  readonly #client: ClientBase;
  readonly #store: PositionStore;
  readonly #handlers: ReadonlyMap<string, HandlerEntry>;

  constructor(client: ClientBase, store: PositionStore, handlers: readonly HandlerEntry[]) {
    this.#client = client;
    this.#store = store;
    this.#handlers = new Map(handlers.map((entry) => [entry.type, entry]));
  }

  /**
   * Applies the events in order, up to the first that does not follow. All of that is committed, or nothing.
   * @throws BanyanError BANYAN_HANDLER_FAILED with the handler's error as cause
   */
  async apply(events: readonly IncomingEvent[], streamCreated: string): Promise<Applied> {
    await this.#client.query('begin');
    try {
      const result = await this.#applyInTransaction(events, streamCreated);
      await this.#client.query('commit');
      return result;
    } catch (error) {
      await this.#rollback(error);
      throw error;
    }
  }

  async #applyInTransaction(events: readonly IncomingEvent[], streamCreated: string): Promise<Applied> {
    const positions = await this.#store.lock(this.#client);
    const moved = new Map<number, StoredPosition>();
    const result: Applied = { applied: 0, duplicates: 0, ignored: 0, positions, refusal: undefined };
    let hint: StreamHint | undefined;
    for (const event of events) {
      const stored = positions[event.partition] ?? { epoch: 0, n: 0 };
      const verdict = judge(stored, event);
      if (verdict === 'gap' || verdict === 'other-history') {
        result.refusal = refusal(verdict, event, stored);
        break;
      }
      hint = { created: streamCreated, sequence: event.sequence };
      if (verdict === 'duplicate') {
        result.duplicates += 1;
        continue;
      }
      result[(await this.#handle(event)) ? 'applied' : 'ignored'] += 1;
      positions[event.partition] = { epoch: event.epoch, n: event.n };
      moved.set(event.partition, { epoch: event.epoch, n: event.n });
    }
    if (hint !== undefined) await this.#store.write(this.#client, moved, hint);
    return result;
  }

  /** True if there is a handler for the event. */
  async #handle(event: IncomingEvent): Promise<boolean> {
    const entry = this.#handlers.get(event.type);
    if (entry === undefined) return false;
    try {
      await traced(event, () => entry.handle(this.#client, event));
      return true;
    } catch (error) {
      const what = `${event.source} ${event.epoch}.${event.n} ${event.type} of ${event.aggregate} ${event.aggregateId}`;
      throw new BanyanError('BANYAN_HANDLER_FAILED', `${what}: ${messageOf(error)}`, { cause: error });
    }
  }

  async #rollback(error: unknown): Promise<void> {
    try {
      await this.#client.query('rollback');
    } catch (rollbackError) {
      throw new AggregateError(
        [error, rollbackError],
        'applying a batch failed, and so did rolling it back',
        {
          cause: rollbackError,
        },
      );
    }
  }
}

function refusal(
  verdict: 'gap' | 'other-history',
  event: IncomingEvent,
  stored: StoredPosition,
): BanyanError {
  const where = `${event.source} partition ${event.partition}`;
  const next = `event ${event.epoch}.${event.n} (after ${event.epoch}.${event.prevN})`;
  const message = `${where} stands at ${stored.epoch}.${stored.n}, and ${next} came`;
  return new BanyanError(verdict === 'gap' ? 'BANYAN_GAP' : 'BANYAN_OTHER_HISTORY', message);
}
