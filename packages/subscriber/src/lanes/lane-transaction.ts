import { BanyanError, committing } from '@banyan/runtime';
import { BatchRun } from '../batch-run.js';
import { isStillRunning } from '../fault.js';
import type { HandlerTable } from '../handler-table.js';
import type { IncomingEvent } from '../incoming-event.js';
import { judge, type StoredPosition } from '../judge.js';
import { nameOfKey, type FailedAttempt, type ParkedStore } from '../parking/parked-store.js';
import type { Begun, LockedPosition, LockedPositions, PositionStore, StreamHint } from '../position-store.js';
import type { Session } from '../session.js';

export interface ApplyCounts {
  applied: number;
  duplicates: number;
  /** Events of types that no handler wants: the position moves over them. */
  ignored: number;
  /** Events that were set aside, because they failed or because their key is parked. */
  queued: number;
}

/** An event that does not follow: nothing after it in its partition was applied. */
export interface Refusal {
  event: IncomingEvent;
  stored: StoredPosition;
  verdict: 'gap' | 'other-history';
}

export interface Applied extends ApplyCounts {
  /** The positions of the partitions that were seen, as committed. */
  positions: ReadonlyMap<number, StoredPosition>;
  /** At most one a partition. */
  refusals: Refusal[];
}

export interface LaneParts {
  session: Session;
  lane: number;
  store: PositionStore;
  parked: ParkedStore;
  handlers: HandlerTable;
  /** Keys that may be parked at once. */
  parkedKeysLimit: number;
  handlerTimeoutMs: number;
}

/** What to do besides applying. */
export interface ApplyExtras {
  /** Where to go on reading once this is committed; undefined: leave the hint. */
  hint: StreamHint | undefined;
  /** Park the event that failed, in place of applying it. */
  failed?: FailedAttempt & { event: IncomingEvent };
}

/** One transaction of a lane: judges events under the positions' locks, applies what follows, and moves the positions. */
export class LaneTransaction {
  readonly #parts: LaneParts;

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /**
   * Applies the events in order. All of what follows its position is committed, or nothing.
   * @throws HandlerFailure and BanyanError BANYAN_PARKED_LIMIT, after rolling back
   */
  async apply(events: readonly IncomingEvent[], extras: ApplyExtras): Promise<Applied> {
    const { session, store } = this.#parts;
    const partitions = [...new Set(events.map(({ partition }) => partition))];
    return this.#committing(async () => {
      const { client } = session;
      const { positions, copies } = await store.begin(client, partitions);
      const judged = await this.#judge(events, positions);
      await this.#applyJudged(judged, extras, { positions, copies });
      const { moved, refusals, counts } = judged;
      await store.commit(client, { lane: this.#parts.lane, moved, hint: extras.hint });
      return { ...counts, positions, refusals };
    });
  }

  /** Runs work that begins and commits a transaction, then what handlers left to do; rolls it back if it throws. */
  #committing<T>(work: () => Promise<T>): Promise<T> {
    return committing(async () => {
      try {
        return await work();
      } catch (error) {
        await rollback(this.#parts.session, error);
        throw error;
      }
    });
  }

  async #judge(events: readonly IncomingEvent[], positions: LockedPositions): Promise<Judged> {
    const judged = new Judged(positions, await this.#blocked(positions));
    for (const event of events) judged.add(event);
    return judged;
  }

  /** Almost always there is nothing to look for. */
  async #blocked(positions: LockedPositions): Promise<ReadonlySet<string>> {
    const held = [...positions].filter(([, { heldKeys }]) => heldKeys > 0).map(([partition]) => partition);
    return held.length === 0 ? new Set() : this.#parts.parked.blocked(this.#parts.session.client, held);
  }

  async #applyJudged(judged: Judged, { failed }: ApplyExtras, { positions, copies }: Begun): Promise<void> {
    const { session, parked } = this.#parts;
    const { client } = session;
    const run = new BatchRun({ ...this.#parts, tx: client, copies });
    for (const event of judged.follow) {
      if (event === failed?.event) await this.#park(failed, positions, judged);
      else judged.counts[(await run.add(event)) ? 'applied' : 'ignored'] += 1;
    }
    await run.flush();
    await parked.queue(client, judged.queue);
    judged.counts.queued += judged.queue.length;
  }

  async #park(
    failed: FailedAttempt & { event: IncomingEvent },
    positions: LockedPositions,
    { counts }: Judged,
  ): Promise<void> {
    const { session, parked, parkedKeysLimit } = this.#parts;
    const { client } = session;
    const { event } = failed;
    const isNew = await parked.park(client, event, failed);
    const keys = await parked.count(client);
    if (keys > parkedKeysLimit) {
      throw new BanyanError(
        'BANYAN_PARKED_LIMIT',
        `${keys - 1} keys are parked, and ${nameOfKey(event)} fails too: ${failed.error}`,
      );
    }
    const position = positions.get(event.partition);
    if (isNew && position !== undefined) position.heldKeys += 1;
    counts.queued += 1;
  }
}

/** Ends the transaction in which the error was met. A handler that still runs loses its connection, and so can do nothing more. */
export async function rollback(session: Session, error: unknown): Promise<void> {
  try {
    if (isStillRunning(error)) await session.renew();
    else await session.client.query('rollback');
  } catch (rollbackError) {
    const what = 'applying a batch failed, and so did rolling it back';
    throw new AggregateError([error, rollbackError], what, { cause: rollbackError });
  }
}

/** What becomes of each event of a batch. Positions move in place as events are added. */
class Judged {
  readonly counts: ApplyCounts = { applied: 0, duplicates: 0, ignored: 0, queued: 0 };
  /** To be applied. */
  readonly follow: IncomingEvent[] = [];
  /** To wait behind the parked event of their key. */
  readonly queue: IncomingEvent[] = [];
  readonly moved = new Map<number, LockedPosition>();
  readonly #refused = new Map<number, Refusal>();
  readonly #positions: LockedPositions;
  readonly #blocked: ReadonlySet<string>;

  constructor(positions: LockedPositions, blocked: ReadonlySet<string>) {
    this.#positions = positions;
    this.#blocked = blocked;
  }

  get refusals(): Refusal[] {
    return [...this.#refused.values()];
  }

  add(event: IncomingEvent): void {
    const { partition } = event;
    const stored = this.#positions.get(partition);
    if (stored === undefined || this.#refused.has(partition)) return;
    const verdict = judge(stored, event, stored.acceptsEpoch);
    if (verdict === 'duplicate') this.counts.duplicates += 1;
    else if (verdict === 'next') this.#next(event, stored);
    else this.#refused.set(partition, { event, stored: standsAt(stored, event), verdict });
  }

  #next(event: IncomingEvent, stored: LockedPosition): void {
    (this.#blocked.size > 0 && this.#blocked.has(nameOfKey(event)) ? this.queue : this.follow).push(event);
    stored.epoch = event.epoch;
    stored.n = event.n;
    this.moved.set(event.partition, stored);
  }
}

/** In a history that was accepted, and of which nothing was applied yet, it stands at its beginning. */
function standsAt({ epoch, n, acceptsEpoch }: LockedPosition, event: IncomingEvent): StoredPosition {
  return event.epoch === acceptsEpoch && epoch < acceptsEpoch ? { epoch: acceptsEpoch, n: 0 } : { epoch, n };
}
