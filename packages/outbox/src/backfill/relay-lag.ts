import { decodeHeartbeat, heartbeatSubjectOf, shardsOf } from '@banyan/contracts';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';

/** How far the relays are behind the outboxes of a source, by their heartbeats. */
export class RelayLag {
  readonly #source: string;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #asOfMs = new Map<string, number>();
  /** The database's clock less this process's. */
  #skewMs = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** Listens to the relays of so many shards. `nowMs` is the database's clock, which heartbeats go by. */
  watch(nats: NatsConnection, { shards, nowMs }: { shards: number; nowMs: number }): void {
    this.#skewMs = nowMs - Date.now();
    for (const shard of shardsOf(this.#source, shards)) {
      if (!this.#subscriptions.has(shard)) this.#subscriptions.set(shard, this.#listen(nats, shard));
    }
  }

  /** Why it is too much; undefined if it is not. */
  excess(maxMs: number): string | undefined {
    for (const shard of this.#subscriptions.keys()) {
      const asOfMs = this.#asOfMs.get(shard);
      if (asOfMs === undefined) return `no heartbeat of ${shard} was heard: does its relay run?`;
      const lagMs = Date.now() + this.#skewMs - asOfMs;
      if (lagMs > maxMs) return `events of ${shard} take ${Math.round(lagMs)} ms to reach the stream`;
    }
    return undefined;
  }

  close(): void {
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
    this.#asOfMs.clear();
  }

  #listen(nats: NatsConnection, shard: string): Subscription {
    return nats.subscribe(heartbeatSubjectOf(shard), {
      callback: (error, message) => {
        const beat = error === null ? decodeHeartbeat(message.string()) : undefined;
        if (beat?.source === shard) this.#asOfMs.set(shard, beat.asOfMs);
      },
    });
  }
}
