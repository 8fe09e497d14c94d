import { BanyanError, isBanyanError, messageOf } from '@banyan/runtime';
import type { IncomingEvent } from '../incoming-event.js';
import type { Refusal } from '../lanes/lane-transaction.js';
import type { PartitionPage, PartitionPages } from './partition-pages.js';
import type { RangeClient } from './range-client.js';

/** How long a partition that cannot go on waits before it is tried again, in ms. */
const RECHECK_MS = 5000;

/**
 * A partition that met an event which does not follow, and how it comes back into its lane.
 * - looking: for the events that are missing, then for those that its lane has read meanwhile
 * - found: events that are to be applied → looking, or over when the lane has read no further
 * - stopped: nobody has the missing events, or it is another history; looks again now and then
 */
type State =
  | { is: 'looking' }
  | { is: 'found'; page: PartitionPage }
  | { is: 'stopped'; error: BanyanError; againMs: number };

export interface RepairParts {
  pages: PartitionPages;
  ranges: RangeClient;
  /** How far the lane has read. */
  laneSequence: () => number;
  /** Called when there is something to do. */
  onChange: () => void;
}

export class PartitionRepair {
  readonly partition: number;
  readonly #parts: RepairParts;
  #state: State = { is: 'looking' };
  /** The gap that is to be filled before the stream is read on. */
  #gap: Refusal | undefined;
  /** The event before which the gap was last looked into. */
  #lookedBefore: number | undefined;
  /** Nothing of the stream from here on is applied. */
  #from: number;

  constructor(refusal: Refusal, parts: RepairParts) {
    this.partition = refusal.event.partition;
    this.#parts = parts;
    this.#from = refusal.event.sequence;
    this.#refused(refusal);
  }

  /** The first sequence that is not applied in this partition. */
  get sequence(): number {
    return this.#from;
  }

  /** Why it stands still; undefined while there is hope. */
  get stoppedBy(): BanyanError | undefined {
    return this.#state.is === 'stopped' ? this.#state.error : undefined;
  }

  /** What is to be applied now, if anything. */
  page(): PartitionPage | undefined {
    if (this.#state.is === 'stopped' && performance.now() >= this.#state.againMs) this.#begin();
    return this.#state.is === 'found' ? this.#state.page : undefined;
  }

  /** Tells what became of a page. True: the partition has caught up with its lane. */
  applied(page: PartitionPage, refusal: Refusal | undefined): boolean {
    if (refusal !== undefined) {
      this.#refused(refusal);
      return false;
    }
    if (this.#gap === undefined) this.#from = page.readThrough + 1;
    else this.#filled(this.#gap, page);
    if (this.#gap === undefined && this.#from > this.#parts.laneSequence()) return true;
    this.#look();
    return false;
  }

  /** Perhaps somebody has changed the position meanwhile: what is refused is tried again first. */
  #begin(): void {
    this.#gap = undefined;
    this.#lookedBefore = undefined;
    this.#look();
  }

  #refused(refusal: Refusal): void {
    const { event, verdict } = refusal;
    if (event.sequence > 0) this.#from = event.sequence;
    if (verdict === 'other-history' || this.#lookedBefore === event.n) {
      this.#stop(errorOf(refusal));
      return;
    }
    this.#gap = refusal;
    this.#look();
  }

  #filled(gap: Refusal, { events }: PartitionPage): void {
    const last = events.at(-1);
    const whole = last === undefined || last.n >= gap.event.prevN;
    this.#lookedBefore = whole ? gap.event.n : undefined;
    this.#gap = whole ? undefined : { ...gap, stored: last };
  }

  #look(): void {
    this.#state = { is: 'looking' };
    const found = this.#gap === undefined ? this.#readOn() : this.#fill(this.#gap);
    void found
      .then((page) => (this.#state = { is: 'found', page }))
      .catch((error: unknown) => this.#stop(error))
      .finally(() => this.#parts.onChange());
  }

  #stop(cause: unknown): void {
    const error = isBanyanError(cause)
      ? cause
      : new BanyanError('BANYAN_GAP_UNSERVED', messageOf(cause), { cause });
    this.#state = { is: 'stopped', error, againMs: performance.now() + RECHECK_MS };
  }

  #readOn(): Promise<PartitionPage> {
    return this.#parts.pages.read(
      this.partition,
      this.#from,
      Math.max(this.#parts.laneSequence(), this.#from),
    );
  }

  async #fill(gap: Refusal): Promise<PartitionPage> {
    const { event, stored } = gap;
    const inStream = await this.#findInStream(gap);
    if (inStream.length > 0) return { events: inStream, readThrough: 0 };
    const { epoch, prevN: toN, partition } = event;
    const events = await this.#parts.ranges
      .fetch({ epoch, fromN: stored.n + 1, toN, partition })
      .catch((error: unknown) => {
        throw unserved(gap, error);
      });
    if (events[0]?.prevN !== stored.n) throw errorOf(gap);
    return { events, readThrough: 0 };
  }

  /** A wrong hint makes a gap that is none. Positions are dense, so what is missing cannot be further back than this. */
  async #findInStream({ event, stored }: Refusal): Promise<IncomingEvent[]> {
    const from = stored.epoch === 0 ? 1 : Math.max(1, event.sequence - (event.n - stored.n));
    const page = await this.#parts.pages.read(this.partition, from, event.sequence - 1);
    const events = page.events.filter(({ n, epoch }) => epoch === event.epoch && n > stored.n);
    return events[0]?.prevN === stored.n ? events : [];
  }
}

function unserved(gap: Refusal, cause: unknown): BanyanError {
  const what = `${errorOf(gap).rawMessage}; the source cannot serve what is between: ${messageOf(cause)}`;
  return new BanyanError('BANYAN_GAP_UNSERVED', what, { cause });
}

export function errorOf({ event, stored, verdict }: Refusal): BanyanError {
  const where = `${event.source} partition ${event.partition}`;
  const next = `event ${event.epoch}.${event.n} (after ${event.epoch}.${event.prevN})`;
  const message = `${where} stands at ${stored.epoch}.${stored.n}, and ${next} came`;
  return new BanyanError(verdict === 'gap' ? 'BANYAN_GAP' : 'BANYAN_OTHER_HISTORY', message);
}
