import { Loop, messageOf, Wakeup, type Logger, type Round } from '@banyan/runtime';
import { Session } from '../session.js';
import { planLeases } from './lease-plan.js';
import type { LeaseStore, SourceView } from './lease-store.js';

export interface MembershipOptions {
  name: string;
  instance: string;
  databaseUrl: string;
  store: LeaseStore;
  leaseMs: number;
  pollIntervalMs: number;
  logger: Logger;
  /** Called with each new connection, before anything is claimed. */
  onConnected: (session: Session) => Promise<void>;
  /** Called when a look at the database begins. */
  onLook: () => void;
  /** Told what was seen of a source. */
  onView: (source: string, view: SourceView) => void;
  /** Called after each round. */
  onRound: (session: Session) => Promise<void>;
  /** Told which lanes are this instance's now. Returns those that run, also those that are still about to stop. */
  onLanes: (source: string, lanes: readonly number[]) => readonly number[];
}

/**
 * An instance's place among the others: it says that it lives, looks at who else does, and takes and gives up lanes until
 * all have their share. Leases only divide the work; that nothing is applied twice is the position locks' doing.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #loop: Loop;
  readonly #wakeup = new Wakeup();
  #session: Session | undefined;
  #failure: string | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#loop = new Loop({ runOnce: () => this.#runOnce(), onError: (error) => this.#onError(error) });
  }

  /** Why it has no place now; undefined if it has. */
  get failure(): string | undefined {
    return this.#failure;
  }

  start(): void {
    this.#loop.start();
  }

  /** Looks again now. */
  look(): void {
    this.#wakeup.ring();
  }

  /** Ends taking part; the lanes have to be stopped before. */
  async stop(releaseLanes: () => Promise<void>): Promise<void> {
    const { store, instance, leaseMs, logger } = this.#options;
    const stopped = this.#loop.stop();
    this.#wakeup.ring();
    await this.#session?.within(leaseMs, stopped);
    await stopped;
    await releaseLanes();
    const session = this.#session;
    try {
      if (session !== undefined) await session.within(leaseMs, store.leave(session.client, instance));
    } catch (error) {
      logger.debug('leaving failed; the lanes become free when the connection is gone', {
        error: messageOf(error),
      });
    }
    await session?.close();
  }

  async #runOnce(): Promise<Round> {
    const { store, instance, leaseMs, pollIntervalMs, onLook, onRound } = this.#options;
    const session = await this.#connected();
    onLook();
    await store.beat(session.client, instance, leaseMs);
    const views = await store.look(session.client);
    for (const [source, view] of views) await this.#settle(session, source, view);
    this.#failure = undefined;
    await onRound(session);
    await this.#wakeup.sleep(pollIntervalMs);
    return { next: 'now' };
  }

  async #connected(): Promise<Session> {
    if (this.#session !== undefined) {
      this.#session.check();
      return this.#session;
    }
    const { databaseUrl, instance, name, logger, onConnected } = this.#options;
    const session = await Session.open(databaseUrl, `banyan-subscriber ${instance} ${name}`, logger);
    this.#session = session;
    await onConnected(session);
    return session;
  }

  async #settle(session: Session, source: string, view: SourceView): Promise<void> {
    const { store, instance, onLanes, onView } = this.#options;
    onView(source, view);
    const { claim, release } = planLeases(view.leases, instance, view.alive);
    const mine = view.leases.filter((lease) => lease.instance === instance).map(({ lane }) => lane);
    if (view.dead.length > 0) await store.bury(session.client, view.dead);
    const dead = holdersThatAreGone(view);
    const lanes =
      claim.length === 0 ? [] : await store.claim(session.client, source, { lanes: claim, instance, dead });
    const running = onLanes(source, [...mine.filter((lane) => !release.includes(lane)), ...lanes]);
    const stopped = release.filter((lane) => !running.includes(lane));
    if (stopped.length > 0) await store.release(session.client, source, stopped, instance);
  }

  async #onError(error: unknown): Promise<Round> {
    const { logger, name, pollIntervalMs } = this.#options;
    this.#failure = messageOf(error);
    logger.warn('cannot look at the other instances', { subscriber: name, error: this.#failure });
    const session = this.#session;
    this.#session = undefined;
    await session?.close();
    return { next: 'after', delayMs: pollIntervalMs };
  }
}

function holdersThatAreGone({ leases, alive }: SourceView): string[] {
  return leases.flatMap(({ instance }) =>
    instance === undefined || alive.includes(instance) ? [] : [instance],
  );
}
