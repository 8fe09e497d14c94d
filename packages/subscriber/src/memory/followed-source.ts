import { streamOf } from '@banyan/contracts';
import { BanyanError, type Logger, type Wakeup } from '@banyan/runtime';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { FreshnessTracker } from '../freshness/freshness-tracker.js';
import { StallWatch } from '../freshness/stall-watch.js';
import type { IncomingEvent } from '../incoming-event.js';
import type { StoredPosition } from '../judge.js';
import { Inbox } from '../lanes/inbox.js';
import { SourceReading } from '../lanes/source-reading.js';
import type { StreamHint } from '../position-store.js';
import { PartitionTrack, type Track } from './track.js';

const READ_AHEAD = { events: 5000, bytes: 16 * 1024 ** 2 };
const TURN_EVENTS = 1000;

export interface FollowedSourceOptions {
  nats: NatsConnection;
  source: string;
  logger: Logger;
  wakeup: Wakeup;
  stalledAfterMs: number;
  apply: (event: IncomingEvent) => void;
}

/** Follows one source's stream from given positions on, each event once, in order. Whatever does not follow is an error. */
export class FollowedSource {
  readonly source: string;
  readonly freshness: FreshnessTracker;
  readonly #options: FollowedSourceOptions;
  readonly #reading: SourceReading;
  #track: Track = new PartitionTrack();
  #inbox: Inbox;
  readonly #watch: StallWatch;

  constructor(options: FollowedSourceOptions) {
    const { nats, source, logger } = options;
    this.source = source;
    this.#options = options;
    this.#watch = new StallWatch(options.stalledAfterMs);
    this.freshness = new FreshnessTracker(nats, source);
    this.#reading = new SourceReading({ nats, source, lanes: 1, logger });
    this.#inbox = this.#newInbox(undefined);
  }

  /** Begins to follow. @param track where it stands; default: at the beginning of each partition */
  begin(track: Track = new PartitionTrack(), hint?: StreamHint): void {
    this.#reading.detach(this.#inbox);
    this.freshness.reset();
    this.#track = track;
    this.#attach(hint);
  }

  /** Applies what has arrived. True: there may be more. @throws BanyanError for whatever does not follow */
  turn(): boolean {
    const events = this.#inbox.take(TURN_EVENTS);
    if (events.length === 0) {
      this.#idle();
      return false;
    }
    this.#watch.reset();
    const moved = new Map<number, StoredPosition>();
    for (const event of events) if (this.#follow(event)) moved.set(event.partition, event);
    this.freshness.noteMoved(moved);
    return true;
  }

  /** Tells that the map holds what the positions say: from now on freshness is known. */
  filled(): void {
    const positions = this.#track.positions.map(({ epoch, n }) => ({ epoch, n }));
    this.freshness.noteView({ leases: [], alive: [], dead: [], positions, held: [] });
  }

  /** The last sequence of the stream. @throws BanyanError BANYAN_REPLICA_INCOMPLETE if its first events are gone */
  async lastSequence(): Promise<number> {
    const stream = streamOf(this.source);
    const { state } = await (await jetstreamManager(this.#options.nats)).streams.info(stream);
    if (state.last_seq === 0 || (state.messages > 0 && state.first_seq === 1)) return state.last_seq;
    throw incomplete(`stream ${stream} begins at message ${state.first_seq}`);
  }

  /** True if everything up to the sequence was applied. */
  hasRead(sequence: number): boolean {
    return sequence === 0 || (this.#inbox.isEmpty && (this.#inbox.readUpTo?.sequence ?? 0) >= sequence);
  }

  stop(): void {
    this.#reading.detach(this.#inbox);
    this.freshness.close();
  }

  #attach(hint: StreamHint | undefined): void {
    this.#inbox = this.#newInbox(hint);
    this.#watch.reset();
    this.#reading.attach(this.#inbox);
  }

  #newInbox(hint: StreamHint | undefined): Inbox {
    return new Inbox(0, { hint, wakeup: this.#options.wakeup, limits: READ_AHEAD });
  }

  #follow(event: IncomingEvent): boolean {
    if (!this.#track.take(event)) return false;
    this.#options.apply(event);
    return true;
  }

  /** Nothing arrived: the stream may be missing, or be another one, of which an ordered consumer says nothing. */
  #idle(): void {
    if (this.#inbox.failure !== undefined) throw this.#inbox.failure;
    if (this.#inbox.isOver) this.#attach(this.#inbox.readUpTo ?? this.#inbox.hint);
    const stalledMs = this.#watch.stalledMs(this.freshness.isBehind([...this.#track.positions.keys()]));
    if (stalledMs === undefined) return;
    throw new BanyanError(
      'BANYAN_GAP',
      `${this.source} has events that do not come since ${Math.round(stalledMs)} ms`,
    );
  }
}

export function incomplete(what: string): BanyanError {
  return new BanyanError(
    'BANYAN_REPLICA_INCOMPLETE',
    `a replica is to be filled from the stream, and ${what}`,
  );
}
