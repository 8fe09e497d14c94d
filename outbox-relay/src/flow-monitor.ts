import { decodeHeartbeat, heartbeatSubjectOf } from '@banyan/contracts';
import { systemClock, type Clock } from '@banyan/runtime';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';

/** How a source's events flow, seen from outside: whoever leads, here or elsewhere. */
export interface FlowStatus {
  source: string;
  flowing: boolean;
  /**
   * An event that was committed no longer ago than this may not be in the stream yet; in ms. Undefined: no heartbeat was
   * heard since the start.
   */
  unsentAgeMs: number | undefined;
}

/**
 * Hears a source's heartbeats as its readers do. A heartbeat says that everything committed before a time is in the stream, so
 * its age bounds the age of the oldest event that is not: one figure that covers a stuck relay, a stuck broker and a
 * stand-by with no leader.
 */
export class FlowMonitor {
  readonly #source: string;
  readonly #maxUnsentAgeMs: number;
  readonly #clock: Clock;
  #subscription: Subscription | undefined;
  #asOfMs: number | undefined;

  constructor(source: string, options: { maxUnsentAgeMs: number; clock?: Clock }) {
    this.#source = source;
    this.#maxUnsentAgeMs = options.maxUnsentAgeMs;
    this.#clock = options.clock ?? systemClock;
  }

  /** Begins to listen. Before that nothing is known to flow. */
  listen(nats: NatsConnection): void {
    this.#subscription = nats.subscribe(heartbeatSubjectOf(this.#source), {
      callback: (error, message) => {
        const heartbeat = error === null ? decodeHeartbeat(message.string()) : undefined;
        if (heartbeat?.source === this.#source) this.#asOfMs = heartbeat.asOfMs;
      },
    });
  }

  get status(): FlowStatus {
    const unsentAgeMs =
      this.#asOfMs === undefined ? undefined : Math.max(0, this.#clock.nowMs() - this.#asOfMs);
    const flowing = unsentAgeMs !== undefined && unsentAgeMs <= this.#maxUnsentAgeMs;
    return { source: this.#source, flowing, unsentAgeMs };
  }

  close(): void {
    this.#subscription?.unsubscribe();
  }
}
