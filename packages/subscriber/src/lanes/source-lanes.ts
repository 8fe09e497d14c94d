import { FreshnessTracker } from '../freshness/freshness-tracker.js';
import { PartitionPages } from '../gaps/partition-pages.js';
import { RangeClient } from '../gaps/range-client.js';
import { HandlerTable } from '../handler-table.js';
import { entriesOf, type SubscriberOptions } from '../options.js';
import { ParkedStore } from '../parking/parked-store.js';
import { PositionStore } from '../position-store.js';
import { Lane, type LaneContext } from './lane.js';
import type { ApplyCounts } from './lane-transaction.js';
import type { HeldKey, SourceView } from './lease-store.js';
import { SourceReading } from './source-reading.js';

export interface SourceLanesParts {
  instance: string;
  brake: () => Error | undefined;
  onLimit: (error: Error) => void;
  /** Called after each commit. */
  onApplied: () => void;
  /** Called when a lane has stopped that was to be given up. */
  onStopped: () => void;
}

/** One source of a subscriber: the lanes of it that this instance has, and what they share. */
export class SourceLanes {
  readonly source: string;
  readonly freshness: FreshnessTracker;
  readonly counts: ApplyCounts = { applied: 0, duplicates: 0, ignored: 0, queued: 0 };
  readonly store: PositionStore;
  readonly #context: LaneContext;
  readonly #parts: SourceLanesParts;
  readonly #lanes = new Map<number, Lane>();
  readonly #stopping = new Map<number, Promise<void>>();
  #held: readonly HeldKey[] = [];
  #alive: readonly string[] = [];

  constructor(source: string, options: SubscriberOptions, parts: SourceLanesParts) {
    const { name, nats, lanes, logger, handlers } = options;
    this.source = source;
    this.#parts = parts;
    this.freshness = new FreshnessTracker(nats, source);
    this.store = new PositionStore(name, source, lanes);
    this.#context = {
      ...parts,
      options,
      source,
      store: this.store,
      parked: new ParkedStore(name, source),
      handlers: new HandlerTable(source, entriesOf(handlers)),
      reading: new SourceReading({ nats, source, lanes, logger }),
      pages: new PartitionPages(nats, source),
      ranges: new RangeClient(nats, source),
      freshness: this.freshness,
      counts: this.counts,
    };
  }

  /** The lanes of this instance. */
  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  /** Instances that take part, as last seen. */
  get instances(): number {
    return this.#alive.length;
  }

  /** Keys that have something parked or skipped, as last seen. */
  get held(): readonly HeldKey[] {
    return this.#held;
  }

  /** Takes in what was seen in the database. */
  view(view: SourceView): void {
    this.#held = view.held;
    this.#alive = view.alive;
    this.freshness.noteView(view);
    const due = view.held.filter((key) => key.due);
    for (const lane of this.#lanes.values()) lane.retry(due);
  }

  /** Starts and stops lanes so that it has these. Returns those that run, also those that are still about to stop. */
  set(wanted: readonly number[]): readonly number[] {
    for (const [number, lane] of this.#lanes) if (!wanted.includes(number)) this.#stop(number, lane);
    for (const number of wanted) {
      // One that is about to stop is started anew once it has.
      if (this.#lanes.has(number) || this.#stopping.has(number)) continue;
      const lane = new Lane(number, this.#context);
      this.#lanes.set(number, lane);
      lane.start();
    }
    return [...this.#lanes.keys(), ...this.#stopping.keys()];
  }

  /** Resolves when all its lanes have stopped. */
  async stop(): Promise<void> {
    this.set([]);
    await Promise.all(this.#stopping.values());
  }

  #stop(number: number, lane: Lane): void {
    this.#lanes.delete(number);
    const stopped = lane.stop().finally(() => {
      this.#stopping.delete(number);
      this.#parts.onStopped();
    });
    this.#stopping.set(number, stopped);
  }
}
