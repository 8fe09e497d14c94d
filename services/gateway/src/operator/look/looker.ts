import { STAGE_BUCKET, type GateTermsFor, type ProcessReport } from '@banyan/control';
import { decodeHeartbeat, type Heartbeat } from '@banyan/contracts';
import { Loop, messageOf, wait, Wakeup, type Logger, type Round } from '@banyan/runtime';
import type { Plan } from '@banyan/playbook';
import type { NatsConnection, Subscription } from '@nats-io/nats-core';
import { SeriesStore } from '../series/series-store.js';
import type { Overview } from '../wire.js';
import type { BrokerView } from './broker-view.js';
import { collectAll, collectProcesses, collectRecords, type Collected } from './collected.js';
import { nothingYet, OverviewMaker } from './overview-maker.js';

const EVERY_MS = 1_000;
/** For so long after a request somebody counts as looking, in ms. */
const WANTED_MS = 30_000;
/** An overview of so long ago is answered as it is, in ms. */
const FRESH_MS = 3_000;
/** Between two looks at the stage bucket while it changes, in ms. */
const PAUSE_MS = 100;
const MOST_SOURCES = 1_000;

export interface LookerOptions {
  broker: BrokerView;
  termsFor: GateTermsFor;
  /** Whose run is told; undefined: the last one. */
  plan: Plan | undefined;
  /** Called at each change of a stage or flag. */
  onChange: () => void;
  logger: Logger;
}

type Listener = (overview: Overview) => void;

/**
 * One round of questions a second for all who look: of everything while somebody does, else of the figures for the charts
 * alone. A change of a stage is told at once, and looked after. While the broker is away, what was known last is kept.
 */
export class Looker {
  readonly series = new SeriesStore();
  readonly #broker: BrokerView;
  readonly #maker: OverviewMaker;
  readonly #logger: Logger;
  readonly #noticed: () => void;
  readonly #loop: Loop;
  readonly #wakeup = new Wakeup();
  readonly #listeners = new Set<Listener>();
  readonly #heartbeats = new Map<string, Heartbeat>();
  #subscriptions: Subscription[] = [];
  /** Changes of stages and flags that were heard of. */
  #changes = 0;
  #changing: Promise<void> | undefined;
  #wantedUntilMs = 0;
  /** When everything was asked last. */
  #lookedMs = -Infinity;
  #collected: Collected | undefined;
  #overview: Overview | undefined;
  #waiting: (() => void)[] = [];

  constructor({ broker, termsFor, plan, onChange, logger }: LookerOptions) {
    this.#broker = broker;
    this.#logger = logger;
    this.#noticed = onChange;
    this.#maker = new OverviewMaker(termsFor, plan);
    this.#loop = new Loop({
      runOnce: (signal) => this.#runOnce(signal),
      onError: (error) => this.#onError(error),
    });
    broker.onConnected(() => this.#listen());
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    for (const each of this.#subscriptions) each.unsubscribe();
    await this.#loop.stop();
    await this.#changing;
    this.#told();
  }

  /** What was known last. Broker and age are of now. */
  get known(): Overview {
    const broker = this.#broker.state;
    return this.#overview === undefined ? nothingYet(broker) : { ...this.#overview, broker };
  }

  /** What was heard last, before anything is made of it; undefined: nothing yet. */
  get collected(): Collected | undefined {
    return this.#collected;
  }

  /** What processes said of themselves last. */
  get reports(): readonly ProcessReport[] {
    return this.#collected?.reports ?? [];
  }

  /** What is known, if it is of the last seconds; else what the next round finds, if the broker is there. */
  async look(): Promise<Overview> {
    this.#wantedUntilMs = Date.now() + WANTED_MS;
    const isNew = performance.now() - this.#lookedMs < FRESH_MS;
    if (isNew || this.#broker.connection === undefined) return this.known;
    const seen = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#wakeup.ring();
    await seen;
    return this.known;
  }

  /** Tells each new overview until the returned function is called. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#wakeup.ring();
    return () => this.#listeners.delete(listener);
  }

  get #isWanted(): boolean {
    return this.#listeners.size > 0 || Date.now() < this.#wantedUntilMs;
  }

  async #runOnce(signal: AbortSignal): Promise<Round> {
    const startedMs = performance.now();
    const connection = this.#broker.connection;
    if (connection === undefined) this.#onAway();
    else if (this.#isWanted) await this.#lookAt(connection);
    else this.series.add(await this.#whole(collectProcesses(connection)), Date.now());
    const restMs = EVERY_MS - (performance.now() - startedMs);
    await this.#wakeup.sleep(Math.max(0, restMs), signal);
    return { next: 'now' };
  }

  async #lookAt(connection: NatsConnection): Promise<void> {
    const before = this.#changes;
    const collected = await this.#whole(collectAll(connection));
    this.series.add(collected.reports, Date.now());
    // What was read of the bucket may be older than what was told of a change meanwhile.
    const newer = before === this.#changes ? {} : await collectRecords(connection);
    this.#lookedMs = performance.now();
    this.#tell({ ...collected, ...newer });
    this.#told();
  }

  /** @throws Error if the broker went meanwhile: those who would have answered are missing, and what was known is better */
  async #whole<T>(asked: Promise<T>): Promise<T> {
    const { departures } = this.#broker;
    const heard = await asked;
    if (departures !== this.#broker.departures) throw new Error('the broker went away meanwhile');
    return heard;
  }

  /** At once, with what processes said last; whether they run the change, the next round knows. */
  async #lookAtChanges(): Promise<void> {
    for (let seen = -1; seen !== this.#changes;) {
      seen = this.#changes;
      const connection = this.#broker.connection;
      if (!this.#isWanted || this.#collected === undefined || connection === undefined) return;
      this.#tell({ ...this.#collected, ...(await collectRecords(connection)) });
      if (seen !== this.#changes) await wait(PAUSE_MS);
    }
  }

  #tell(collected: Collected): void {
    this.#collected = collected;
    const surroundings = { broker: this.#broker.state, heartbeats: this.#heartbeats };
    this.#overview = this.#maker.make(collected, surroundings);
    for (const tell of this.#listeners) tell(this.#overview);
  }

  #onAway(): void {
    this.series.addNothing(Date.now());
    for (const tell of this.#listeners) tell(this.known);
    this.#told();
  }

  #onError(error: unknown): Promise<Round> {
    this.#logger.debug('a look failed', { error: messageOf(error) });
    this.#onAway();
    return Promise.resolve({ next: 'after', delayMs: EVERY_MS });
  }

  #told(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** These are core messages: nothing is stored or kept up for them. After a reconnect the client asks for them again. */
  #listen(): void {
    const connection = this.#broker.connection;
    if (connection === undefined || this.#subscriptions.length > 0) return;
    const changed = connection.subscribe(`$KV.${STAGE_BUCKET}.>`, {
      callback: () => this.#onChange(),
    });
    const heard = connection.subscribe('banyan.heartbeat.>', {
      callback: (error, message) => {
        const beat = error === null ? decodeHeartbeat(message.string()) : undefined;
        if (beat !== undefined) this.#hear(beat);
      },
    });
    this.#subscriptions = [changed, heard];
    this.#wakeup.ring();
  }

  /** Has what is known include a change that was just made. */
  async settle(): Promise<void> {
    this.#onChange();
    await this.#changing;
  }

  #onChange(): void {
    this.#changes += 1;
    this.#noticed();
    this.#changing ??= this.#lookAtChanges()
      .catch((error: unknown) => void this.#onError(error))
      .finally(() => {
        this.#changing = undefined;
        this.#wakeup.ring();
      });
  }

  #hear(beat: Heartbeat): void {
    if (this.#heartbeats.size < MOST_SOURCES || this.#heartbeats.has(beat.source))
      this.#heartbeats.set(beat.source, beat);
  }
}
