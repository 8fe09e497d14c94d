import type { Logger } from '@banyan/runtime';
import {
  Subscriber,
  type FreshnessOf,
  type SourceFreshness,
  type SubscriberConfig,
  type SubscriberFreshness,
  type SubscriberStatus,
  type TokenWait,
  type WaitOptions,
} from '@banyan/subscriber';
import type { NatsConnection } from '@nats-io/nats-core';

/** A subscriber's options without what the process gives it. */
export type FollowOptions = Omit<SubscriberConfig, 'nats' | 'databaseUrl' | 'logger'>;

export interface BackgroundSubscriberParts {
  options: FollowOptions;
  nats: Promise<NatsConnection>;
  databaseUrl: string;
  logger: Logger;
}

const UNKNOWN: SubscriberFreshness = { asOfMs: undefined, listsAsOfMs: undefined };

/**
 * A subscriber that begins once the broker is there. States: waiting (what it keeps counts as never started) → running →
 * stopped.
 */
export class BackgroundSubscriber {
  readonly #parts: BackgroundSubscriberParts;
  #subscriber: Subscriber | undefined;
  #stopped = false;

  constructor(parts: BackgroundSubscriberParts) {
    this.#parts = parts;
  }

  get sources(): readonly string[] {
    return this.#parts.options.sources;
  }

  /** How fresh what its handlers wrote is; nothing is known of it before the broker is there. */
  freshness(of?: FreshnessOf): SubscriberFreshness {
    return this.#subscriber?.freshness(of) ?? UNKNOWN;
  }

  /** See `Subscriber.waitFor`; before the broker is there it does not wait. @throws BanyanError BANYAN_TOKEN_INVALID */
  async waitFor(token: string, options: WaitOptions): Promise<TokenWait> {
    return this.#subscriber?.waitFor(token, options) ?? { reached: false, because: 'timeout' };
  }

  /** The process's connection. */
  get nats(): Promise<NatsConnection> {
    return this.#parts.nats;
  }

  /** The freshness of each source, with positions; empty while the broker was never there. */
  get sourceFreshness(): readonly SourceFreshness[] {
    return this.#subscriber?.sourceFreshness ?? [];
  }

  /** Undefined while the broker was never there. */
  get status(): SubscriberStatus | undefined {
    return this.#subscriber?.status;
  }

  /** Begins once the broker is there. */
  async start(): Promise<void> {
    const { options, nats, databaseUrl, logger } = this.#parts;
    const connection = await nats;
    if (this.#stopped || this.#subscriber !== undefined) return;
    this.#subscriber = new Subscriber({ ...options, nats: connection, databaseUrl, logger });
    this.#subscriber.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#subscriber?.stop();
  }
}
