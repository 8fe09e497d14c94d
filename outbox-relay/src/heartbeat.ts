import { encodeHeartbeat, heartbeatSubjectOf } from '@banyan/contracts';
import type { NatsConnection } from '@nats-io/nats-core';
import { lastNOf, type Look } from './tick.js';

/** Never more often than this, in ms: heartbeats are for freshness, not for delivery. */
const SHORTEST_INTERVAL_MS = 50;

/** At least this often while the relay works, in ms, even if there is nothing newer to say. */
const LONGEST_INTERVAL_MS = 900;

/**
 * Tells readers how fresh they are: once all events of a look are acknowledged, everything committed before it is in the
 * stream, and that is sent on core NATS, with each partition's last position.
 */
export class Heartbeats {
  readonly #connection: NatsConnection;
  readonly #identity: { source: string; epoch: number; timeline: number };
  /** Looks whose events are not all acknowledged yet, oldest first. */
  readonly #pending: Look[] = [];
  #lastSent: Look | undefined;
  #lastSentMs = -Infinity;

  constructor(connection: NatsConnection, identity: { source: string; epoch: number; timeline: number }) {
    this.#connection = connection;
    this.#identity = identity;
  }

  /** Notes a look at the outbox. A later look at the same tick replaces the earlier. */
  add(look: Look): void {
    if (this.#pending.at(-1)?.newest.tick === look.newest.tick) this.#pending.pop();
    this.#pending.push(look);
  }

  /** Sends the newest look that is wholly acknowledged, unless a heartbeat was sent just now. */
  beat(ackedN: number): void {
    const sinceLastMs = performance.now() - this.#lastSentMs;
    if (sinceLastMs < SHORTEST_INTERVAL_MS) return;
    const confirmed = this.#takeConfirmed(ackedN);
    if (confirmed !== undefined) this.#lastSent = confirmed;
    else if (sinceLastMs < LONGEST_INTERVAL_MS) return;
    if (this.#lastSent !== undefined) this.#send(this.#lastSent);
  }

  #takeConfirmed(ackedN: number): Look | undefined {
    const next = this.#pending.findIndex((look) => lastNOf(look.newest) > ackedN);
    return this.#pending.splice(0, next === -1 ? this.#pending.length : next).at(-1);
  }

  #send({ newest, asOfMs }: Look): void {
    this.#lastSentMs = performance.now();
    const beat = encodeHeartbeat({
      ...this.#identity,
      tick: newest.tick,
      n: lastNOf(newest),
      heads: newest.heads,
      asOfMs,
    });
    this.#connection.publish(heartbeatSubjectOf(this.#identity.source), beat);
  }
}
