import {
  backoffDelayMs,
  isBanyanError,
  Loop,
  messageOf,
  wait,
  Wakeup,
  type ErrorCode,
  type Round,
} from '@banyan/runtime';
import type { IncomingEvent } from '../incoming-event.js';
import { FollowedSource } from '../memory/followed-source.js';
import { WholeTrack } from '../memory/track.js';
import { resolveTailOptions, type SourceTailConfig, type SourceTailOptions } from './options.js';
import { streamEnd } from './stream-end.js';

/**
 * - beginning: it finds the stream's end and has its user forget everything
 * - following: its user is given each event
 * - failed: it begins anew after a delay → beginning
 * - stopped
 */
type State = { is: 'beginning' } | { is: 'following' } | { is: 'failed'; error: unknown } | { is: 'stopped' };

export interface SourceTailStatus {
  state: State['is'];
  /** Why it failed; undefined otherwise. */
  because: string | undefined;
  code: ErrorCode | undefined;
  /** How often it has begun. */
  beginnings: number;
}

/**
 * Gives the events of a source from now on, to something that has no memory of its own and can be emptied at any time: a
 * cache. It keeps no position. What it promises: no event is missing between two resets.
 */
export class SourceTail {
  readonly #options: SourceTailOptions;
  readonly #wakeup = new Wakeup();
  readonly #loop: Loop;
  readonly #source: FollowedSource;
  #state: State = { is: 'stopped' };
  #arrived: IncomingEvent[] = [];
  #toldMs = 0;
  #beginnings = 0;
  #failures = 0;

  constructor(config: SourceTailConfig) {
    const options = resolveTailOptions(config);
    this.#options = options;
    this.#source = new FollowedSource({
      ...options,
      wakeup: this.#wakeup,
      apply: (event) => this.#arrived.push(event),
    });
    this.#loop = new Loop({ runOnce: () => this.#runOnce(), onError: (error) => this.#onError(error) });
  }

  get status(): SourceTailStatus {
    const { is: state } = this.#state;
    const error = this.#state.is === 'failed' ? this.#state.error : undefined;
    return {
      state,
      because: error === undefined ? undefined : messageOf(error),
      code: isBanyanError(error) ? error.code : undefined,
      beginnings: this.#beginnings,
    };
  }

  start(): void {
    if (this.#state.is !== 'stopped') return;
    this.#state = { is: 'beginning' };
    this.#loop.start();
  }

  /** Waits until it follows; false: not in time. */
  async untilFollowing({ timeoutMs }: { timeoutMs: number }): Promise<boolean> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.#isFollowing() && performance.now() < deadlineMs) await wait(5);
    return this.#isFollowing();
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#wakeup.ring();
    await stopped;
    this.#source.stop();
    this.#state = { is: 'stopped' };
  }

  #isFollowing(): boolean {
    return this.#state.is === 'following';
  }

  async #runOnce(): Promise<Round> {
    if (!this.#isFollowing()) await this.#begin();
    const more = this.#source.turn();
    await this.#tell();
    if (!more) await this.#wakeup.sleep(this.#options.pollIntervalMs);
    return { next: 'now' };
  }

  /** The end first, and the reset after it: what is derived between the two is thrown away, or sees all events after it. */
  async #begin(): Promise<void> {
    const { nats, source, onReset } = this.#options;
    this.#state = { is: 'beginning' };
    this.#arrived = [];
    const { position, hint } = await streamEnd(nats, source);
    this.#source.begin(new WholeTrack(position), hint);
    await onReset({ position, sequence: hint.sequence });
    this.#source.filled();
    this.#beginnings += 1;
    this.#state = { is: 'following' };
  }

  async #tell(): Promise<void> {
    const events = this.#arrived;
    this.#arrived = [];
    if (events.length > 0) await this.#options.onEvents(events);
    // Read after the events were given: what it counts as applied has been.
    const { asOfMs = 0 } = this.#source.freshness;
    if (asOfMs <= this.#toldMs) return;
    await this.#options.onFresh(asOfMs);
    this.#toldMs = asOfMs;
    this.#failures = 0;
  }

  #onError(error: unknown): Promise<Round> {
    const { logger, source, retryFirstDelayMs: firstMs, retryMaxDelayMs: maxMs } = this.#options;
    this.#state = { is: 'failed', error };
    this.#toldMs = 0;
    this.#source.freshness.reset();
    // Once, not at each attempt: a broker may be away for long.
    logger[this.#failures === 0 ? 'warn' : 'debug'](
      'the events of a source are not followed until all is begun anew',
      {
        source,
        error: messageOf(error),
      },
    );
    return Promise.resolve({ next: 'after', delayMs: backoffDelayMs(this.#failures++, { firstMs, maxMs }) });
  }
}

/** Makes the tail of a source. Call `start` on it. */
export function sourceTail(config: SourceTailConfig): SourceTail {
  return new SourceTail(config);
}
