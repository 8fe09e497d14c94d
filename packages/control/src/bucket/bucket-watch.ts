import type { NatsConnection } from '@nats-io/nats-core';
import { backoffDelayMs, Loop, messageOf, type Logger, type Round } from '@banyan/runtime';
import type { Connection } from '../connection.js';
import { BucketSession, type Follower } from './bucket-session.js';
import { StageBucket } from './stage-bucket.js';

export interface BucketWatchParts {
  connection: Connection;
  followers: readonly Follower[];
  checkEveryMs: number;
  replicas: number;
  logger: Logger;
}

/** Short: a request that falls into a reconnect is lost, and only the next one is answered. */
const API_TIMEOUT_MS = 1_500;
const BACKOFF = { firstMs: 100, maxMs: 1_000 };

/**
 * Keeps followers current, session after session. States: not following → following (all that the bucket had is obeyed)
 * → (broker or bucket gone) not following, trying again … → stopped.
 */
export class BucketWatch {
  readonly #parts: BucketWatchParts;
  readonly #loop: Loop;
  readonly #listeners = new Set<(following: boolean) => void>();
  #following = false;
  #failures = 0;
  #session: BucketSession | undefined;
  #connection: NatsConnection | undefined;

  constructor(parts: BucketWatchParts) {
    this.#parts = parts;
    this.#loop = new Loop({
      runOnce: (signal) => this.#follow(signal),
      onError: (error) => this.#comeBack(error),
    });
  }

  /** Whether everything known is as the bucket has it; false while it is only what was known last. */
  get following(): boolean {
    return this.#following;
  }

  onFollowing(listener: (following: boolean) => void): () => void {
    const tell = (following: boolean): void => listener(following);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#session?.end();
    await stopped;
    this.#become(false);
  }

  /** One session: from opening the bucket until it, the watch or the connection goes. */
  async #follow(signal: AbortSignal): Promise<Round> {
    const connection = await this.#connected(signal);
    if (connection === undefined) return { next: 'now' };
    const { replicas, followers, checkEveryMs, logger } = this.#parts;
    const bucket = await StageBucket.open(connection, { replicas, timeoutMs: API_TIMEOUT_MS });
    const feed = await bucket.watch();
    this.#failures = 0;
    const onCaughtUp = (): void => this.#become(true);
    this.#session = new BucketSession({ bucket, feed, followers, checkEveryMs, onCaughtUp, logger });
    if (signal.aborted) this.#session.end();
    await this.#session.run();
    return { next: 'after', delayMs: 50 };
  }

  /** The connection once there is one; undefined if stopped first. */
  async #connected(signal: AbortSignal): Promise<NatsConnection | undefined> {
    if (this.#connection !== undefined) return this.#connection;
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    this.#connection = await Promise.race([this.#parts.connection, aborted]);
    if (this.#connection !== undefined) void this.#heed(this.#connection);
    return this.#connection;
  }

  /** After a reconnect the server may have forgotten the watch, and says nothing of it. */
  async #heed(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (this.#loop.signal.aborted) return;
      if (type === 'disconnect') this.#become(false);
      if (type === 'reconnect') this.#session?.end();
    }
  }

  #become(following: boolean): void {
    if (this.#following === following) return;
    this.#following = following;
    for (const tell of this.#listeners) tell(following);
  }

  #comeBack(error: unknown): Promise<Round> {
    const level = this.#failures === 0 ? 'warn' : 'debug';
    this.#parts.logger[level]('runs on last known stages', { error: messageOf(error) });
    this.#become(false);
    const delayMs = backoffDelayMs(this.#failures, BACKOFF);
    this.#failures += 1;
    return Promise.resolve({ next: 'after', delayMs });
  }
}
