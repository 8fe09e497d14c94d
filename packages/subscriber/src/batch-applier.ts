import { BanyanError, messageOf } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import type { HandlerEntry } from './handler.js';
import type { IncomingEvent } from './incoming-event.js';
import { judge, type StoredPosition } from './judge.js';
import type { PositionStore, StreamHint } from './position-store.js';

export interface ApplyCounts {
  applied: number;
  duplicates: number;
  /** Events of types that no handler wants: the position moves over them. */
  ignored: number;
}

export interface Applied extends ApplyCounts {
  /** The position of each partition, as committed. */
  positions: StoredPosition[];
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
   * Applies the events in order. Either all is committed, or nothing.
   * @throws BanyanError BANYAN_GAP, BANYAN_OTHER_HISTORY, or BANYAN_HANDLER_FAILED with the handler's error as cause
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
    const counts: ApplyCounts = { applied: 0, duplicates: 0, ignored: 0 };
    for (const event of events) {
      const outcome = await this.#applyOne(event, positions);
      counts[outcome] += 1;
      if (outcome === 'duplicates') continue;
      const position = { epoch: event.epoch, n: event.n };
      positions[event.partition] = position;
      moved.set(event.partition, position);
    }
    const hint: StreamHint = { created: streamCreated, sequence: events.at(-1)?.sequence ?? 0 };
    await this.#store.write(this.#client, moved, hint);
    return { ...counts, positions };
  }

  async #applyOne(event: IncomingEvent, positions: readonly StoredPosition[]): Promise<keyof ApplyCounts> {
    const stored = positions[event.partition] ?? { epoch: 0, n: 0 };
    const verdict = judge(stored, event);
    if (verdict === 'duplicate') return 'duplicates';
    if (verdict !== 'next') throw refusal(verdict, event, stored);
    const entry = this.#handlers.get(event.type);
    if (entry === undefined) return 'ignored';
    try {
      await entry.handle(this.#client, event);
    } catch (error) {
      const what = `${event.source} ${event.epoch}.${event.n} ${event.type} of ${event.aggregate} ${event.aggregateId}`;
      throw new BanyanError('BANYAN_HANDLER_FAILED', `${what}: ${messageOf(error)}`, { cause: error });
    }
    return 'applied';
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
