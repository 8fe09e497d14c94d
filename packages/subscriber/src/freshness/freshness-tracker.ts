import { decodeHeartbeat, heartbeatSubjectOf, PARTITIONS, type Heartbeat } from '@banyan/contracts';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import type { StoredPosition } from '../judge.js';
import type { HeldKey, SourceView } from '../lanes/lease-store.js';

/** Heartbeats remembered while their positions are not applied yet; older ones fall out first. */
const REMEMBERED = 64;

/**
 * Turns heartbeats and positions into freshness: once all positions that a heartbeat names are applied, everything committed
 * before its time is. Ask first and read then: a position never goes back, so a later read sees at least as much.
 */
export class FreshnessTracker {
  readonly #subscription: Subscription;
  #waiting: Heartbeat[] = [];
  #latest: Heartbeat | undefined;
  #positions: readonly StoredPosition[] = [];
  #asOfMs: number | undefined;
  #epoch: number | undefined;
  #held = new Map<string, HeldKey | undefined>();
  /** Keys parked by this process since its last look at the database began. */
  #parkedSinceLook = new Set<string>();

  constructor(connection: NatsConnection, source: string) {
    this.#subscription = connection.subscribe(heartbeatSubjectOf(source), {
      callback: (error, message) => {
        const heartbeat = error === null ? decodeHeartbeat(message.string()) : undefined;
        if (heartbeat?.source === source) this.#onHeartbeat(heartbeat);
      },
    });
  }

  /** Everything committed before this, in ms since 1970, is applied, or its key is held; undefined: not known. */
  get asOfMs(): number | undefined {
    return this.#asOfMs;
  }

  /** The epoch in which that is true. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** The newest heartbeat: how far the source's stream is. */
  get latest(): Heartbeat | undefined {
    return this.#latest;
  }

  /** Index is the partition; empty before the first look. */
  get positions(): readonly StoredPosition[] {
    return this.#positions;
  }

  /** When the oldest event that waits with a parked key was emitted, in ms since 1970; 0: something was skipped or it is not known. */
  get oldestHeldMs(): number | undefined {
    if (this.#held.size === 0) return undefined;
    return Math.min(...[...this.#held.values()].map((key) => key?.oldestAt?.getTime() ?? 0));
  }

  /** True if something of the key is parked or was skipped. @param key `project/p1` */
  isHeld(key: string): boolean {
    return this.#held.has(key);
  }

  /** True if the newest heartbeat names events of these partitions that are not applied yet. */
  isBehind(partitions: readonly number[]): boolean {
    const latest = this.#latest;
    return latest !== undefined && partitions.some((partition) => !this.#reaches(latest, partition));
  }

  /** Tells of positions committed here. */
  noteMoved(moved: ReadonlyMap<number, StoredPosition>): void {
    if (this.#positions.length !== PARTITIONS) return;
    this.#positions = this.#positions.map((position, partition) => moved.get(partition) ?? position);
    this.#settle();
  }

  /** A key was parked here. Tell it after the commit, and before the position that passes its event. */
  noteParked(key: string): void {
    this.#held.set(key, undefined);
    this.#parkedSinceLook.add(key);
  }

  /** A look at the database begins: what is parked from now on may be missing in it. */
  beginLook(): void {
    this.#parkedSinceLook = new Set();
  }

  /** Tells what was seen in the database, in one snapshot. */
  noteView({ positions, held }: SourceView): void {
    this.#held = new Map([
      ...[...this.#parkedSinceLook].map((key) => [key, undefined] as const),
      ...held.map((key) => [`${key.aggregate}/${key.aggregateId}`, key] as const),
    ]);
    const known = this.#positions;
    this.#positions = positions.map((seen, partition) => later(known[partition], seen));
    this.#settle();
  }

  /** What is kept here is no longer known to be fresh, because nobody looks any more. */
  reset(): void {
    this.#positions = [];
    this.#waiting = [];
    this.#asOfMs = undefined;
    this.#epoch = undefined;
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.reset();
  }

  #onHeartbeat(heartbeat: Heartbeat): void {
    this.#latest = heartbeat;
    this.#waiting.push(heartbeat);
    if (this.#waiting.length > REMEMBERED) this.#waiting.shift();
    this.#settle();
  }

  /** Takes the newest covered heartbeat, and forgets all before it. */
  #settle(): void {
    const covered = this.#waiting.findLastIndex((heartbeat) => this.#covers(heartbeat));
    const heartbeat = this.#waiting[covered];
    if (heartbeat === undefined) return;
    this.#waiting = this.#waiting.slice(covered + 1);
    this.#asOfMs = Math.max(this.#asOfMs ?? 0, heartbeat.asOfMs);
    this.#epoch = heartbeat.epoch;
  }

  #covers(heartbeat: Heartbeat): boolean {
    return (
      this.#positions.length === heartbeat.heads.length &&
      heartbeat.heads.every((_, partition) => this.#reaches(heartbeat, partition))
    );
  }

  #reaches({ epoch, heads }: Heartbeat, partition: number): boolean {
    const head = heads[partition] ?? 0;
    const position = this.#positions[partition];
    return head === 0 || (position?.epoch === epoch && position.n >= head);
  }
}

/** A look may be older than what was committed here since it began, the first event of an epoch too. */
function later(known: StoredPosition | undefined, seen: StoredPosition): StoredPosition {
  if (known === undefined || known.epoch < seen.epoch) return seen;
  return known.epoch > seen.epoch || known.n > seen.n ? known : seen;
}
