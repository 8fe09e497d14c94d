import type { Wakeup } from '@banyan/runtime';
import type { ClientBase } from 'pg';
import type { Look } from './tick.js';

export interface PaceOptions {
  notify: boolean;
  tickIntervalMs: number;
  idleBeforeSleepMs: number;
  pollIntervalMs: number;
}

/** While old transactions linger, look this often: they may yet commit without a NOTIFY. In ms. */
const LINGERING_POLL_MS = 20;

/**
 * When the relay looks at the outbox again.
 *
 * A NOTIFY takes a lock at commit that all of the server's transactions share, so writers send one only while the relay
 * says that it sleeps. States:
 * - awake: it looks every `tickIntervalMs`; writers are silent. After `idleBeforeSleepMs` without an event → dozing.
 * - dozing: it has said that it sleeps; transactions older than that may not know, so it keeps looking until they have all
 *   ended → asleep.
 * - asleep: it waits for a NOTIFY, at most `pollIntervalMs`. Events at three looks running → awake.
 */
type State = { is: 'awake'; lastEventMs: number } | { is: 'dozing'; horizonXid: bigint } | { is: 'asleep' };

const SAY_ASLEEP = `select setval('relay_asleep', 2)`;
const SAY_AWAKE = `select setval('relay_asleep', 1)`;
// In a statement after SAY_ASLEEP: whoever has a transaction id from here on reads that the relay sleeps.
const NEXT_XID = `select pg_snapshot_xmax(pg_current_snapshot())::text as xid`;

/** Looks with events in a row, after a sleep, that make it worth to wake up. */
const BUSY_LOOKS = 3;

export class Pace {
  readonly #client: ClientBase;
  readonly #wakeup: Wakeup;
  readonly #options: PaceOptions;
  #state: State = { is: 'awake', lastEventMs: performance.now() };
  #busyLooks = 0;
  #saidAwake = false;
  /** When the present look began: the tick interval counts from there, whatever the look took. */
  #lookBeganMs = performance.now();

  constructor(client: ClientBase, wakeup: Wakeup, options: PaceOptions) {
    this.#client = client;
    this.#wakeup = wakeup;
    this.#options = options;
  }

  get state(): State['is'] {
    return this.#state.is;
  }

  /** Waits until it is time for the next look. */
  async waitAfter(look: Look, signal: AbortSignal): Promise<void> {
    this.#busyLooks = look.recorded ? this.#busyLooks + 1 : 0;
    if (this.#options.notify) await this.#move(look);
    const ms = this.#options.notify ? this.#pauseMs(look) : this.#pauseWithoutNotifyMs(look);
    if (ms > 0) await this.#wakeup.sleep(ms, signal);
    this.#lookBeganMs = performance.now();
  }

  async #move(look: Look): Promise<void> {
    const now = performance.now();
    const state = this.#state;
    switch (state.is) {
      case 'awake':
        if (!this.#saidAwake) await this.#sayAwake();
        if (look.recorded) this.#state = { is: 'awake', lastEventMs: now };
        else if (now - state.lastEventMs >= this.#options.idleBeforeSleepMs) await this.#doze();
        return;
      case 'dozing':
        if (this.#busyLooks >= BUSY_LOOKS) await this.#wake(now);
        else if (look.oldestRunningXid >= state.horizonXid) this.#state = { is: 'asleep' };
        return;
      case 'asleep':
        if (this.#busyLooks >= BUSY_LOOKS) await this.#wake(now);
    }
  }

  async #doze(): Promise<void> {
    await this.#client.query(SAY_ASLEEP);
    this.#saidAwake = false;
    const { rows } = await this.#client.query<{ xid: string }>(NEXT_XID);
    this.#state = { is: 'dozing', horizonXid: BigInt(rows[0]?.xid ?? '0') };
    this.#busyLooks = 0;
  }

  async #wake(now: number): Promise<void> {
    await this.#sayAwake();
    this.#state = { is: 'awake', lastEventMs: now };
  }

  async #sayAwake(): Promise<void> {
    await this.#client.query(SAY_AWAKE);
    this.#saidAwake = true;
  }

  #pauseMs(look: Look): number {
    switch (this.#state.is) {
      case 'awake':
        return this.#untilNextTickMs();
      case 'dozing':
        return look.recorded ? 0 : this.#dozingPauseMs();
      case 'asleep':
        return look.recorded ? 0 : this.#options.pollIntervalMs;
    }
  }

  /** Fast at first; slower while some transaction stays open for long. */
  #dozingPauseMs(): number {
    return Math.min(LINGERING_POLL_MS, this.#options.pollIntervalMs);
  }

  #pauseWithoutNotifyMs(look: Look): number {
    return look.recorded ? this.#untilNextTickMs() : this.#options.pollIntervalMs;
  }

  #untilNextTickMs(): number {
    return this.#options.tickIntervalMs - (performance.now() - this.#lookBeganMs);
  }
}
