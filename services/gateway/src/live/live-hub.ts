import type { FlagSet } from '@banyan/control';
import { wait, type Logger } from '@banyan/runtime';
import type { NatsConnection } from '@nats-io/nats-core';
import { ProblemError } from '../problem/problem.js';
import { LiveClient } from './live-client.js';
import type { LiveEvent } from './live-event.js';
import { LiveModes } from './live-mode.js';
import type { LiveMode, LiveOptions } from './live-options.js';
import { writePlace, type Place } from './place.js';
import { CLOSE, type Sink } from './sink.js';
import { SourceFeed } from './source-feed.js';
import { WatchIndex } from './watch-index.js';

/** Whose events clients may watch. */
export const LIVE_SOURCES = ['teams', 'projects', 'tasks'] as const;

/** How long clients have to say good-bye when the gateway stops, in ms. */
const GOODBYE_MS = 500;

export interface LiveHubOptions {
  /** Resolves once the broker is there. */
  nats: Promise<NatsConnection>;
  flags: FlagSet;
  live: LiveOptions;
  logger: Logger;
}

/** Somebody who wants to be told. */
export interface Joining {
  sink: Sink;
  who: string;
  /** By which the flag decides about it, where it is ramped. */
  key: string | undefined;
}

/** What the hub holds now. */
export interface LiveStatus {
  clients: number;
  subscriptions: number;
  /** True while events come, or could. */
  flowing: boolean;
  positions: Record<string, string>;
}

/** All clients, and one feed per source for all of them. Waiting for the broker → running → stopped. */
export class LiveHub {
  readonly modes: LiveModes;
  readonly #options: LiveHubOptions;
  readonly #index = new WatchIndex<LiveClient>();
  readonly #clients = new Map<LiveClient, string | undefined>();
  readonly #feeds = new Map<string, SourceFeed>();
  readonly #abort = new AbortController();
  #stopListening: () => void = () => undefined;
  #rounds: Promise<void> | undefined;

  constructor(options: LiveHubOptions) {
    this.#options = options;
    this.modes = new LiveModes(options.flags, options.live, () => this.isFlowing);
  }

  /** True while every source tells that nothing is missing. */
  get isFlowing(): boolean {
    const { stalledAfterMs } = this.#options.live;
    return (
      this.#feeds.size > 0 && [...this.#feeds.values()].every(({ silentMs }) => silentMs < stalledAfterMs)
    );
  }

  get status(): LiveStatus {
    const { size: clients } = this.#clients;
    const ends = [...this.#feeds].flatMap(([source, { end }]) => (end ? [[source, writePlace(end)]] : []));
    const positions = Object.fromEntries(ends) as Record<string, string>;
    return { clients, subscriptions: this.#index.size, flowing: this.isFlowing, positions };
  }

  /** Begins as soon as the broker is there. */
  start(): void {
    this.#rounds ??= this.#run();
    this.#stopListening = this.modes.onChange(() => this.#obeyMode());
  }

  /** Says good-bye to everybody, and cuts off who does not answer. Stopping twice, or before starting, is legal. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#stopListening();
    const leaving = [...this.#clients.keys()];
    for (const client of leaving) client.close(CLOSE.goingAway, 'the gateway stops');
    if (leaving.length > 0) await Promise.race([wait(GOODBYE_MS), this.#untilEmpty()]);
    for (const client of [...this.#clients.keys()]) client.destroy();
    await this.#rounds;
    await Promise.all([...this.#feeds.values()].map((feed) => feed.stop()));
  }

  /** After which of a source's events everything is known to come; undefined: not known. */
  positionOf(source: string): string | undefined {
    const end = this.#feeds.get(source)?.end;
    return end && writePlace(end);
  }

  /** @throws ProblemError 503 if there are as many as there may be, or it stops */
  refuseIfFull(): void {
    const { maxClients } = this.#options.live;
    if (this.#clients.size < maxClients && !this.#abort.signal.aborted) return;
    throw new ProblemError({
      status: 503,
      code: 'TOO_MANY_CLIENTS',
      detail: `there are ${this.#clients.size} clients, and may be ${maxClients}`,
      remedy: 'Poll, and try again after a while.',
    });
  }

  /** Takes a client in and greets it. Where it is to poll it is told so, and sent away: undefined. */
  join({ sink, who, key }: Joining): LiveClient | undefined {
    const { live, logger } = this.#options;
    const mode = this.modes.of(key);
    const feedOf = (source: string) => this.#feeds.get(source);
    const client = new LiveClient({ sink, who, feedOf, index: this.#index, options: live, logger });
    client.say(JSON.stringify({ type: 'hello', ...this.#rules(mode) }));
    if (mode === 'poll') {
      client.close(CLOSE.poll, 'poll');
      return undefined;
    }
    this.#clients.set(client, key);
    return client;
  }

  leave(client: LiveClient): void {
    this.#clients.delete(client);
    client.leave();
  }

  #rules(mode: LiveMode): object {
    const { pollMs, heartbeatMs } = this.#options.live;
    return { mode, pollMs, heartbeatMs };
  }

  async #run(): Promise<void> {
    const { nats, live, logger } = this.#options;
    const { signal } = this.#abort;
    const connection = await Promise.race([nats, aborted(signal)]);
    if (connection === undefined) return;
    const { ringBytes, maxResumeEvents } = live;
    const listener = {
      onEvent: (_feed: SourceFeed, event: LiveEvent) => this.#onEvent(event),
      onBegun: (feed: SourceFeed, before: Place | undefined) => this.#onBegun(feed, before),
    };
    for (const source of LIVE_SOURCES) {
      const options = { source, nats: connection, ringBytes, maxResumeEvents, listener, logger };
      this.#feeds.set(source, new SourceFeed(options));
    }
    for (const feed of this.#feeds.values()) feed.start();
    await this.#runRounds(signal);
  }

  async #runRounds(signal: AbortSignal): Promise<void> {
    let pingedMs = performance.now();
    while (!signal.aborted) {
      await wait(this.#options.live.positionMs, signal);
      this.#obeyMode();
      this.#tellPositions();
      if (performance.now() - pingedMs < this.#options.live.heartbeatMs) continue;
      pingedMs = performance.now();
      this.#heartbeat();
    }
  }

  #onEvent(event: LiveEvent): void {
    for (const [client, relations] of this.#index.find(event)) client.deliver(event, relations);
  }

  #onBegun(feed: SourceFeed, before: Place | undefined): void {
    for (const [subscription, client] of this.#index.entries())
      if (subscription.feed === feed) client.restart(subscription, before);
  }

  /** Sends those away who are to poll from now on. */
  #obeyMode(): void {
    for (const [client, key] of this.#clients) {
      if (this.modes.of(key) === 'push') continue;
      client.say(JSON.stringify({ type: 'mode', ...this.#rules('poll') }));
      client.close(CLOSE.poll, 'poll');
    }
  }

  #tellPositions(): void {
    const sources = [...this.#feeds].flatMap(([source, { end, asOfMs }]) =>
      end === undefined ? [] : [[source, { position: writePlace(end), asOfMs }]],
    );
    const frame = JSON.stringify({ type: 'position', sources: Object.fromEntries(sources) as object });
    for (const client of this.#clients.keys()) client.tellPosition(frame);
  }

  #heartbeat(): void {
    const silentMs = 2 * this.#options.live.heartbeatMs;
    for (const client of [...this.#clients.keys()]) {
      if (performance.now() - client.heardMs > silentMs) {
        this.#options.logger.debug('a client is cut off that says nothing', { silentMs });
        client.close(CLOSE.silent, 'silent');
        client.destroy();
      } else client.say('{"type":"ping"}');
    }
  }

  async #untilEmpty(): Promise<void> {
    while (this.#clients.size > 0) await wait(5);
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
