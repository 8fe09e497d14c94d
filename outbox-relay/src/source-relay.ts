import { hostname } from 'node:os';
import {
  backoffDelayMs,
  isBanyanError,
  Loop,
  messageOf,
  Wakeup,
  type ErrorCode,
  type Round,
} from '@banyan/runtime';
import { PeriodicAudit, type AuditNote } from './audit/periodic-audit.js';
import { Leadership } from './leadership.js';
import { resolveSourceRelayOptions, type SourceRelayConfig, type SourceRelayOptions } from './options.js';
import { OperatorService } from './operator/operator-service.js';
import { RangeService } from './ranges/range-service.js';
import { Standby } from './standby.js';

/**
 * What a source's relay is doing.
 * - down: no connection; the next round opens one → standby
 * - standby: connected, another relay leads; asks for the lock, and watches the leader → leading
 * - leading: publishes; on any error or doubt → down
 * - refusing: what it found needs a person's decision; it looks again now and then → down
 * - stopped
 */
export type RelayState =
  | { is: 'down'; because: string }
  | { is: 'standby'; standby: Standby }
  | { is: 'leading'; standby: Standby; leadership: Leadership }
  | { is: 'refusing'; because: string; code: ErrorCode }
  | { is: 'stopped' };

export interface SourceRelayStatus {
  source: string;
  state: RelayState['is'];
  /** Why it is down or refuses; undefined otherwise. */
  because: string | undefined;
  /** Last acknowledged position (the n of it) while leading. */
  ackedN: number | undefined;
  /** Events that it has counted and the stream has not acknowledged, while leading. */
  backlog: number | undefined;
  /** Events published by this process. */
  published: number;
  /** Errors and doubts after which it began anew. */
  failures: number;
  /** The last audit that this process made while it led; undefined before the first. */
  audit: AuditNote | undefined;
}

/** Errors that trying again cannot mend: somebody has to decide or to repair. */
const NEEDS_A_PERSON: readonly ErrorCode[] = [
  'BANYAN_OTHER_HISTORY',
  'BANYAN_NOT_RETAINED',
  'BANYAN_STREAM_HOLE',
  'BANYAN_STREAM_CONFIG',
  'BANYAN_SOURCE_MISMATCH',
  'BANYAN_SCHEMA_MISSING',
  'BANYAN_SHARDS_DIFFER',
  'BANYAN_NATS_UNSUPPORTED',
  'BANYAN_POOLING_UNSUPPORTED',
];

/** How long a refusing relay waits before it looks again, in ms. */
const REFUSAL_RECHECK_MS = 5000;

/** Moves one source's outbox into its stream, for as long as it leads; waits as a stand-by otherwise. */
export class SourceRelay {
  readonly #options: SourceRelayOptions;
  readonly #loop: Loop;
  readonly #ranges: RangeService;
  readonly #operator: OperatorService;
  readonly #audits: PeriodicAudit;
  readonly #wakeup = new Wakeup();
  readonly #relay = `${hostname()}:${process.pid}`;
  #state: RelayState = { is: 'down', because: 'not started' };
  #published = 0;
  /** Failures since the last round that led; the delay before the next try grows with it. */
  #failures = 0;
  #failuresEver = 0;

  constructor(config: SourceRelayConfig) {
    this.#options = resolveSourceRelayOptions(config);
    this.#ranges = new RangeService(this.#options);
    this.#operator = new OperatorService(this.#options, this.#relay, () => this.status);
    this.#audits = new PeriodicAudit(this.#options, () => this.status.ackedN);
    this.#loop = new Loop({
      runOnce: (signal) => this.#runOnce(signal),
      onError: (error) => this.#onError(error),
    });
  }

  get status(): SourceRelayStatus {
    const state = this.#state;
    return {
      source: this.#options.source,
      state: state.is,
      because: 'because' in state ? state.because : undefined,
      ackedN: state.is === 'leading' ? state.leadership.ackedN : undefined,
      backlog: state.is === 'leading' ? state.leadership.backlog : undefined,
      published: this.#published,
      failures: this.#failuresEver,
      audit: this.#audits.last,
    };
  }

  start(): void {
    this.#ranges.start();
    this.#operator.start();
    this.#audits.start();
    this.#loop.start();
  }

  /** Stops after the current round: what was sent is acknowledged, then the leadership is given up. */
  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#ranges.stop(), this.#operator.stop(), this.#audits.stop()]);
    await this.#release({ drain: true });
    this.#state = { is: 'stopped' };
  }

  async #runOnce(signal: AbortSignal): Promise<Round> {
    const state = this.#state;
    switch (state.is) {
      case 'down':
      case 'refusing':
        return this.#connect();
      case 'standby':
        return this.#tryLead(state.standby);
      case 'leading': {
        const { published } = await state.leadership.runOnce(signal);
        this.#published += published;
        this.#failures = 0;
        return { next: 'now' };
      }
      case 'stopped':
        return { next: 'after', delayMs: REFUSAL_RECHECK_MS };
    }
  }

  async #connect(): Promise<Round> {
    this.#state = { is: 'standby', standby: await Standby.open(this.#options) };
    return { next: 'now' };
  }

  async #tryLead(standby: Standby): Promise<Round> {
    if (!(await standby.tryLead())) return { next: 'after', delayMs: this.#options.standbyIntervalMs };
    const leadership = await Leadership.begin(standby, this.#options, this.#relay, this.#wakeup);
    this.#state = { is: 'leading', standby, leadership };
    return { next: 'now' };
  }

  async #onError(error: unknown): Promise<Round> {
    const { source, logger } = this.#options;
    this.#failuresEver += 1;
    await this.#release({ drain: false });
    const because = messageOf(error);
    if (isBanyanError(error) && NEEDS_A_PERSON.includes(error.code)) {
      if (this.#state.is !== 'refusing')
        logger.error('refusing to publish', { source, error: because, remedy: error.remedy });
      this.#state = { is: 'refusing', because, code: error.code };
      return { next: 'after', delayMs: REFUSAL_RECHECK_MS };
    }
    logger.warn('will try again', { source, error: because });
    this.#state = { is: 'down', because };
    const { retryFirstDelayMs: firstMs, retryMaxDelayMs: maxMs } = this.#options;
    return { next: 'after', delayMs: backoffDelayMs(this.#failures++, { firstMs, maxMs }) };
  }

  async #release(options: { drain: boolean }): Promise<void> {
    const state = this.#state;
    if (state.is === 'leading') {
      try {
        await state.leadership.close(options);
      } catch (error) {
        this.#options.logger.warn('closing the leadership', {
          source: this.#options.source,
          error: messageOf(error),
        });
      }
    }
    if (state.is === 'leading' || state.is === 'standby') await state.standby.close();
  }
}
