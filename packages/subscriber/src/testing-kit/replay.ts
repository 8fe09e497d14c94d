import { silentLogger } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import { HandlerTable } from '../handler-table.js';
import type { IncomingEvent } from '../incoming-event.js';
import { LaneApplier } from '../lanes/lane-applier.js';
import { entriesOf, replicasOf, type SubscriberOptions } from '../options.js';
import { nameOfKey, ParkedStore } from '../parking/parked-store.js';
import { PositionStore, type PositionMoves } from '../position-store.js';
import { Session } from '../session.js';
import type { Step } from './variants.js';

const LANES = 1;
const HANDLER_TIMEOUT_MS = 60_000;

export interface ReplayOptions {
  databaseUrl: string;
  subscriber: string;
  handlers: () => SubscriberOptions['handlers'];
}

/** Loses its connection, when told so, in place of committing. */
class CrashingStore extends PositionStore {
  crashes = false;

  override async commit(client: ClientBase, moves: PositionMoves): Promise<void> {
    if (this.crashes) await client.query('select pg_terminate_backend(pg_backend_pid())');
    await super.commit(client, moves);
  }
}

/** What applies the events of one source. */
interface Reader {
  session: Session;
  store: CrashingStore;
  applier: LaneApplier;
}

/** A subscriber without a stream: what would read it is told what comes. All else is the real thing. */
export class Replay {
  /** What handlers failed with, by the key that was parked for it. */
  readonly parked = new Map<string, string>();
  readonly #options: ReplayOptions;
  readonly #readers = new Map<string, Reader>();
  #handlers: SubscriberOptions['handlers'];

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#handlers = options.handlers();
  }

  async take(step: Step): Promise<void> {
    if (step.does === 'restart') return this.#restart();
    for (const events of runsOf(step.events)) await this.#deliver(events, step.does === 'crash');
  }

  async stop(): Promise<void> {
    for (const { session } of this.#readers.values()) await session.close();
    this.#readers.clear();
  }

  async #restart(): Promise<void> {
    await this.stop();
    this.#handlers = this.#options.handlers();
  }

  async #deliver(events: readonly IncomingEvent[], crashes: boolean): Promise<void> {
    const [first] = events;
    if (first === undefined) return;
    const { store, applier, session } = await this.#reader(first.source);
    store.crashes = crashes;
    try {
      await applier.apply(events, () => undefined);
    } catch (error) {
      // That is the crash, unless the database is really gone: then the next step says so.
      if (!crashes || !session.isBroken) throw error;
      this.#readers.delete(first.source);
    }
  }

  async #reader(source: string): Promise<Reader> {
    const known = this.#readers.get(source);
    if (known !== undefined) return known;
    const { databaseUrl, subscriber } = this.#options;
    const session = await Session.open(databaseUrl, `banyan-scenario ${subscriber}`, silentLogger);
    const store = new CrashingStore(subscriber, source, LANES);
    const reader = { session, store, applier: this.#applier(source, session, store) };
    this.#readers.set(source, reader);
    await store.register(session.client);
    for (const replica of replicasOf(this.#handlers)) await replica.check(session.client);
    return reader;
  }

  #applier(source: string, session: Session, store: PositionStore): LaneApplier {
    const parked = new ParkedStore(this.#options.subscriber, source);
    const handlers = new HandlerTable(source, entriesOf(this.#handlers));
    return new LaneApplier(
      session,
      { lane: 0, store, parked, handlers, parkedKeysLimit: Infinity },
      {
        maxAttempts: 1,
        parkedFirstDelayMs: 1,
        parkedMaxDelayMs: 1,
        handlerTimeoutMs: HANDLER_TIMEOUT_MS,
        onApplied: () => undefined,
        onFailed: (event, error) => void this.parked.set(nameOfKey(event), error),
      },
    );
  }
}

/** Parts of one source each, in order. */
function runsOf(events: readonly IncomingEvent[]): IncomingEvent[][] {
  const runs: IncomingEvent[][] = [];
  for (const event of events) {
    const last = runs.at(-1);
    if (last?.[0]?.source === event.source) last.push(event);
    else runs.push([event]);
  }
  return runs;
}
