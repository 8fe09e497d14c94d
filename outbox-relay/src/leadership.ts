import { BanyanError, type Wakeup } from '@banyan/runtime';
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { readBatch, type PositionedRow } from './batch.js';
import { Chain } from './chain.js';
import { Heartbeats } from './heartbeat.js';
import { Listener } from './listener.js';
import { messageOf } from './message.js';
import type { SourceRelayOptions } from './options.js';
import { Pace } from './pace.js';
import { Retention } from './retention.js';
import type { Session } from './session.js';
import { claimSource, noteAcked, type SourceRecord } from './source-record.js';
import { checkServer, checkStream, createStream, openManager, readStream } from './stream.js';
import { checkWindow } from './window.js';
import { locateTail, readTail, type Place } from './tail.js';
import { lastNOf, newestTick, readTick, takeTick, type Tick } from './tick.js';

/** What a round did. */
export interface RoundCounts {
  published: number;
}

/**
 * One relay's time as the leader of one source: from the moment that it holds the lock to its first doubt. It aligns with
 * the stream once, at the start, and then only ever appends. After any error it is closed and never used again: the next
 * one reads the stream back.
 */
export class Leadership {
  readonly #options: SourceRelayOptions;
  readonly #session: Session;
  readonly #nats: NatsConnection;
  readonly #listener: Listener | undefined;
  readonly #record: SourceRecord;
  readonly #chain: Chain;
  readonly #pace: Pace;
  readonly #heartbeats: Heartbeats;
  readonly #retention: Retention;
  /** The last position sent, its tick, and each partition's last position as of it. */
  #place: Place;
  #newest: Tick;
  /** Ticks whose events are all sent, oldest first; the first is the last one that is wholly acknowledged. */
  readonly #sentTicks: Tick[];
  #lastNotedMs = performance.now();
  #lastNotedTick: number;
  /** The last tick that is known to be wholly acknowledged. Behind the noted one while a lost tail is published again. */
  #ackedTick: number;

  private constructor(parts: Parts) {
    const { options, session, nats, record, place } = parts;
    this.#options = options;
    this.#session = session;
    this.#nats = nats;
    this.#listener = parts.listener;
    this.#record = record;
    this.#chain = new Chain(nats, { sequence: parts.stream.state.last_seq, n: place.n }, options);
    this.#pace = new Pace(session.client, parts.wakeup, options);
    this.#heartbeats = new Heartbeats(nats, {
      source: options.source,
      epoch: record.epoch,
      timeline: record.timeline,
    });
    this.#place = place;
    this.#newest = parts.newest;
    this.#sentTicks = place.n === lastNOf(place.tick) ? [place.tick] : [];
    this.#lastNotedTick = record.ackedTick;
    this.#ackedTick = ackedTickAt(place);
    this.#retention = new Retention(options, () => this.#ackedTick);
    this.#retention.start();
  }

  /** Takes up the leadership on a session that holds the lock. What it opened is closed again if it fails. */
  static async begin(
    session: Session,
    options: SourceRelayOptions,
    relay: string,
    wakeup: Wakeup,
  ): Promise<Leadership> {
    const opened: { close: () => Promise<void> }[] = [];
    try {
      const record = await claimSource(session.client, options.source, relay);
      const nats = await connectNats(options);
      opened.push(nats);
      checkServer(nats);
      const listener = options.notify ? await openListener(options, wakeup) : undefined;
      if (listener !== undefined) opened.push(listener);
      const manager = await openManager(nats);
      const stream = await findStream(manager, options, record);
      await checkWindow(nats, stream, options.maxInFlight);
      const place = await findPlace({ manager, stream, session, record, options });
      await Retention.align(session.client, ackedTickAt(place));
      const newest = await newestTick(session.client);
      options.logger.info('leading', { source: options.source, n: place.n, sequence: stream.state.last_seq });
      return new Leadership({ options, session, nats, listener, record, stream, place, newest, wakeup });
    } catch (error) {
      await Promise.all(opened.map((part) => part.close()));
      throw error;
    }
  }

  /** Every position up to this one is acknowledged. */
  get ackedN(): number {
    return this.#chain.ackedN;
  }

  get pace(): Pace['state'] {
    return this.#pace.state;
  }

  /** Publishes what is recorded and what has become visible; then waits for what comes. */
  async runOnce(signal: AbortSignal): Promise<RoundCounts> {
    const startN = this.#place.n;
    await this.#publishUpTo(this.#newest, signal);
    const look = await takeTick(this.#session.client, this.#newest);
    this.#check(look.backendPid);
    this.#newest = look.newest;
    this.#heartbeats.add(look);
    await this.#publishUpTo(look.newest, signal);
    if (!look.recorded) await this.#chain.settled();
    await this.#report();
    await this.#pace.waitAfter(look, signal);
    return { published: this.#place.n - startN };
  }

  /** Ends the leadership. With `drain`, waits for the acknowledgements of what was sent. */
  async close(options: { drain: boolean }): Promise<void> {
    await this.#retention.stop();
    try {
      if (options.drain) {
        await this.#chain.settled();
        this.#heartbeats.beat(this.#chain.ackedN);
        await this.#noteAcked();
      }
    } finally {
      this.#chain.close();
      await Promise.all([this.#nats.close(), this.#listener?.close()]);
    }
  }

  #check(backendPid: number): void {
    this.#session.check(backendPid);
    this.#listener?.check();
  }

  async #publishUpTo(newest: Tick, signal: AbortSignal): Promise<void> {
    while (this.#place.n < lastNOf(newest) && !signal.aborted) {
      await this.#publishTick(await this.#nextTick(newest), signal);
    }
  }

  /** Sends what is left of a tick's batch, or as much as there is time for. */
  async #publishTick(tick: Tick, signal: AbortSignal): Promise<void> {
    for await (const rows of readBatch(
      this.#session.client,
      tick,
      this.#place.n + 1,
      this.#options.pageRows,
    )) {
      for (const row of rows) {
        const room = this.#chain.room(row.payload.length);
        if (room !== undefined) await room;
        this.#send(row, tick);
      }
      await this.#report();
      if (signal.aborted) return;
    }
    if (this.#place.n < lastNOf(tick)) throw this.#notRetained(tick);
  }

  /** The tick that holds the next position. */
  async #nextTick(newest: Tick): Promise<Tick> {
    const { n, tick } = this.#place;
    if (n < lastNOf(tick)) return tick;
    if (newest.tick === tick.tick + 1) return newest;
    const next = await readTick(this.#session.client, tick.tick + 1);
    if (next === undefined) throw this.#notRetained(tick);
    return next;
  }

  #send(row: PositionedRow, tick: Tick): void {
    const { source } = this.#options;
    const prevN = this.#place.heads[row.partition] ?? 0;
    const context = { source, epoch: this.#record.epoch, tick: tick.tick, prevN };
    this.#chain.send(messageOf(row, context));
    const heads = this.#place.heads;
    heads[row.partition] = row.n;
    this.#place = { n: row.n, tick, heads };
    if (row.n === lastNOf(tick)) this.#sentTicks.push(tick);
  }

  /** Heartbeats, and now and then a note in the database of how far the stream has acknowledged. */
  async #report(): Promise<void> {
    this.#heartbeats.beat(this.#chain.ackedN);
    if (performance.now() - this.#lastNotedMs >= this.#options.noteAckedIntervalMs) await this.#noteAcked();
  }

  async #noteAcked(): Promise<void> {
    this.#lastNotedMs = performance.now();
    const sent = this.#sentTicks;
    while (sent[1] !== undefined && lastNOf(sent[1]) <= this.#chain.ackedN) sent.shift();
    const acked = sent[0];
    if (acked === undefined || lastNOf(acked) > this.#chain.ackedN) return;
    this.#ackedTick = acked.tick;
    if (acked.tick <= this.#lastNotedTick) return;
    this.#lastNotedTick = acked.tick;
    await noteAcked(this.#session.client, { tick: acked.tick, n: lastNOf(acked) });
  }

  #notRetained(tick: Tick): BanyanError {
    return new BanyanError(
      'BANYAN_NOT_RETAINED',
      `the events after n ${this.#place.n} (tick ${tick.tick}) are neither in the stream nor in the outbox`,
    );
  }
}

/** The last tick that is wholly in the stream when it ends at this place. */
function ackedTickAt({ n, tick }: Place): number {
  return n === lastNOf(tick) ? tick.tick : tick.tick - 1;
}

interface Parts {
  options: SourceRelayOptions;
  session: Session;
  nats: NatsConnection;
  listener: Listener | undefined;
  record: SourceRecord;
  stream: StreamInfo;
  place: Place;
  newest: Tick;
  wakeup: Wakeup;
}

/** A connection of this leadership's own, that never reconnects: a lost one is a doubt, and a doubt ends the leadership. */
function connectNats(options: SourceRelayOptions): Promise<NatsConnection> {
  return connect({
    servers: options.natsUrl.split(','),
    name: `banyan-relay ${options.source}`,
    reconnect: false,
    timeout: 5000,
    pingInterval: 2000,
    maxPingOut: 2,
  });
}

function openListener(options: SourceRelayOptions, wakeup: Wakeup): Promise<Listener> {
  const { databaseUrl, source, logger } = options;
  return Listener.open(databaseUrl, `banyan-relay ${source} listener`, { wakeup, logger });
}

async function findStream(
  manager: JetStreamManager,
  options: SourceRelayOptions,
  record: SourceRecord,
): Promise<StreamInfo> {
  const found = await readStream(manager, options.source);
  if (found !== undefined) {
    checkStream(found.config, options.source);
    return found;
  }
  options.logger.warn(record.ackedN === 0 ? 'creating the stream' : 'the stream is gone: creating it again', {
    source: options.source,
    ackedN: record.ackedN,
  });
  return createStream(manager, options.source, options.streamReplicas);
}

interface PlaceContext {
  manager: JetStreamManager;
  stream: StreamInfo;
  session: Session;
  record: SourceRecord;
  options: SourceRelayOptions;
}

/**
 * Where to go on: after the stream's last event. A stream without any starts over at the first position; unless messages
 * have been in it and all have expired, when the noted acknowledgement says how far it was.
 */
async function findPlace({ manager, stream, session, record, options }: PlaceContext): Promise<Place> {
  const tail = await readTail(manager, stream, options.source);
  if (tail !== undefined) return locateTail(session.client, tail, record.epoch);
  const from = stream.state.last_seq > 0 ? record.ackedTick : 0;
  const tick = await readTick(session.client, from);
  if (tick !== undefined) return { n: lastNOf(tick), tick, heads: [...tick.heads] };
  throw new BanyanError('BANYAN_NOT_RETAINED', `the stream is empty and tick ${from} is no longer known`);
}
