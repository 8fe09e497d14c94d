import { decodeHeartbeat, heartbeatSubjectOf, type Heartbeat } from '@banyan/contracts';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import type { StoredPosition } from './judge.js';

/** How fresh what a subscriber keeps is. */
export interface Freshness {
  /**
   * Everything that the source committed before this is applied here; ms since 1970 by the source database's clock.
   * Undefined: nothing is known, which counts as stale.
   */
  asOfMs: number | undefined;
}

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

  constructor(connection: NatsConnection, source: string) {
    this.#subscription = connection.subscribe(heartbeatSubjectOf(source), {
      callback: (error, message) => {
        const heartbeat = error === null ? decodeHeartbeat(message.string()) : undefined;
        if (heartbeat?.source === source) this.#onHeartbeat(heartbeat);
      },
    });
  }

  get freshness(): Freshness {
    return { asOfMs: this.#asOfMs };
  }

  /** The newest heartbeat: how far the source's stream is. */
  get latest(): Heartbeat | undefined {
    return this.#latest;
  }

  /** True if the newest heartbeat names events that are not applied yet. */
  get behind(): boolean {
    return this.#latest !== undefined && !this.#covers(this.#latest);
  }

  /** Tells the committed positions; index is the partition. */
  notePositions(positions: readonly StoredPosition[]): void {
    this.#positions = positions;
    this.#settle();
  }

  /** What is kept here is no longer known to be fresh, because it was stopped or began anew. */
  reset(): void {
    this.#positions = [];
    this.#waiting = [];
    this.#asOfMs = undefined;
  }

  close(): void {
    this.#subscription.unsubscribe();
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
  }

  #covers(heartbeat: Heartbeat): boolean {
    return (
      this.#positions.length === heartbeat.heads.length &&
      heartbeat.heads.every((head, partition) => {
        const position = this.#positions[partition];
        return head === 0 || (position?.epoch === heartbeat.epoch && position.n >= head);
      })
    );
  }
}
