import { BanyanError, type Wakeup } from '@banyan/runtime';
import type { StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { readBatch } from './batch.js';
import { Chain } from './chain.js';
import { Heartbeats } from './heartbeat.js';
import { align } from './history/align.js';
import type { Witness } from './history/witness.js';
import { Listener } from './listener.js';
import { messageOf } from './message.js';
import type { SourceRelayOptions } from './options.js';
import { Pace } from './pace.js';
import type { PositionedRow } from './positioned-row.js';
import { Retention } from './retention.js';
import type { Session } from './session.js';
import { checkShards, noteAcked, type SourceRecord } from './source-record.js';
import type { Standby } from './standby.js';
import type { Place } from './tail.js';
import { lastNOf, newestTick, readTick, takeTick, type Look, type Tick } from './tick.js';

/** What a round did. */
export interface RoundCounts {
  published: number;
}

/**
 * One relay's time as the leader of one source, or of one shard of it: from the moment that it holds the lock to its first doubt. It aligns with
 * the stream once, at the start, and then only ever appends. After any error it is closed and never used again: the next
 * one reads the stream back.
 */
export class Leadership {
  readonly #options: SourceRelayOptions;
  readonly #session: Session;
  readonly #listener: Listener | undefined;
  readonly #record: SourceRecord;
  readonly #witness: Witness;
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
    this.#listener = parts.listener;
    this.#record = record;
    this.#witness = parts.witness;
    this.#chain = new Chain(nats, { sequence: parts.stream.state.last_seq, n: place.n }, options);
    this.#pace = new Pace(session.client, parts.wakeup, options);
    this.#heartbeats = new Heartbeats(nats, {
      source: options.source,
      epoch: record.epoch,
      timeline: record.identity.timeline,
    });
    this.#place = place;
    this.#newest = parts.newest;
    this.#sentTicks = place.n === lastNOf(place.tick) ? [place.tick] : [];
    this.#lastNotedTick = record.ackedTick;
    this.#ackedTick = ackedTickAt(place);
    this.#retention = new Retention(options, () => this.#ackedTick);
    this.#retention.start();
    // Either ends what is in flight at once, not only at the next look.
    parts.lost.addEventListener('abort', () => this.#chain.close());
    void nats.closed().then(() => this.#chain.close());
  }

  /** Takes up the leadership on a session that holds the lock. What it opened itself is closed again if it fails. */
  static async begin(
    { session, nats }: Standby,
    options: SourceRelayOptions,
    relay: string,
    wakeup: Wakeup,
  ): Promise<Leadership> {
    const opened: { close: () => void | Promise<void> }[] = [];
    try {
      const lost = new AbortController();
      const context = { client: session.client, nats, options, relay };
      const aligned = await align(context, () => lost.abort());
      opened.push(aligned.witness);
      const { place } = aligned;
      const listener = options.notify ? await openListener(options, wakeup) : undefined;
      if (listener !== undefined) opened.push(listener);
      await Retention.align(session.client, ackedTickAt(place));
      const newest = await newestTick(session.client);
      options.logger.info('leading', {
        source: options.source,
        n: place.n,
        sequence: aligned.stream.state.last_seq,
      });
      return new Leadership({
        options,
        session,
        nats,
        listener,
        newest,
        wakeup,
        lost: lost.signal,
        ...aligned,
      });
    } catch (error) {
      await Promise.all(opened.map(async (part) => part.close()));
      throw error;
    }
  }

  /** Every position up to this one is acknowledged. */
  get ackedN(): number {
    return this.#chain.ackedN;
  }

  /** Events that it has counted and the stream has not acknowledged. */
  get backlog(): number {
    return Math.max(0, lastNOf(this.#newest) - this.#chain.ackedN);
  }

  get pace(): Pace['state'] {
    return this.#pace.state;
  }

  /** Publishes what is recorded and what has become visible; then waits for what comes. */
  async runOnce(signal: AbortSignal): Promise<RoundCounts> {
    const startN = this.#place.n;
    await this.#publishUpTo(this.#newest, signal);
    const look = await takeTick(this.#session.client, this.#newest);
    this.#check(look);
    this.#newest = look.newest;
    this.#heartbeats.add(look);
    await this.#publishRows(look);
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
      this.#witness.close();
      await this.#listener?.close();
    }
  }

  #check({ backendPid, shards }: Look): void {
    this.#session.check(backendPid);
    checkShards(this.#options, shards);
    this.#listener?.check();
    this.#witness.check();
  }

  /** Sends what the look has brought along, if all before it is sent. */
  async #publishRows({ rows = [], newest }: Look): Promise<void> {
    if (this.#place.n !== newest.firstN - 1) return;
    await this.#sendAll(rows, newest);
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
      await this.#sendAll(rows, tick);
      // Not #report: the next page is on its way, and pg takes one query at a time.
      this.#heartbeats.beat(this.#chain.ackedN);
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

  async #sendAll(rows: readonly PositionedRow[], tick: Tick): Promise<void> {
    for (const row of rows) {
      const room = this.#chain.room(row.payload.length);
      if (room !== undefined) await room;
      this.#send(row, tick);
    }
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
    const noted = { tick: acked.tick, n: lastNOf(acked) };
    await noteAcked(this.#session.client, noted);
    await this.#witness.note({ ...noted, eventId: acked.lastEventId });
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
  witness: Witness;
  stream: StreamInfo;
  place: Place;
  /** Aborts when a relay of another database claims the source. */
  lost: AbortSignal;
  newest: Tick;
  wakeup: Wakeup;
}

function openListener(options: SourceRelayOptions, wakeup: Wakeup): Promise<Listener> {
  const { databaseUrl, source, shard, logger } = options;
  return Listener.open(databaseUrl, `banyan-relay ${source} listener`, { shard, wakeup, logger });
}
