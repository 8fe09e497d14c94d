import { isSound, type RelayAuditReport, type StreamAudit } from '@banyan/contracts';
import { Loop, messageOf, type Logger, type Round } from '@banyan/runtime';
import { connectOnce } from '../nats-connection.js';
import { Session } from '../session.js';
import { auditRecorded } from './recorded-audit.js';

/** What a relay remembers of its last audit. */
export type AuditNote = RelayAuditReport;

export interface PeriodicAuditOptions {
  source: string;
  databaseUrl: string;
  natsUrl: string;
  shard: number;
  auditIntervalMs: number;
  auditNewest: number;
  logger: Logger;
}

/** So that it takes little of database and broker, whatever there is to look at. */
const EVENTS_PER_SECOND = 20_000;

/** How soon an audit that failed is tried again, in ms; sooner if the interval is shorter. */
const RETRY_MS = 60_000;

/**
 * Audits the newest part of the stream now and then, for as long as its relay leads. On connections of its own: publishing
 * neither waits for it nor fails with it.
 */
export class PeriodicAudit {
  readonly #options: PeriodicAuditOptions;
  readonly #ackedN: () => number | undefined;
  readonly #loop: Loop;
  #isFirst = true;
  #last: AuditNote | undefined;

  /** @param ackedN the last position that the stream acknowledged; undefined while another relay leads */
  constructor(options: PeriodicAuditOptions, ackedN: () => number | undefined) {
    this.#options = options;
    this.#ackedN = ackedN;
    this.#loop = new Loop({
      runOnce: (signal) => this.#runOnce(signal),
      onError: (error) => Promise.resolve(this.#afterFailure(error)),
    });
  }

  /** The last audit; undefined before the first. */
  get last(): AuditNote | undefined {
    return this.#last;
  }

  start(): void {
    if (this.#options.auditIntervalMs > 0) this.#loop.start();
  }

  /** Ends an audit that is under way. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #runOnce(signal: AbortSignal): Promise<Round> {
    const { auditIntervalMs } = this.#options;
    // Not at once: a source's relays should not all audit together after a rollout.
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isFirst) return { next: 'after', delayMs: auditIntervalMs * (0.5 + 0.5 * Math.random()) };
    const ackedN = this.#ackedN();
    if (ackedN !== undefined) this.#note(await this.#audit(ackedN, signal));
    return { next: 'after', delayMs: auditIntervalMs };
  }

  async #audit(toN: number, signal: AbortSignal): Promise<StreamAudit> {
    const { source, databaseUrl, natsUrl, shard, auditNewest: newest, logger } = this.#options;
    const name = `banyan-relay ${source} audit`;
    const session = await Session.open(databaseUrl, name, { shard, logger });
    try {
      const nats = await connectOnce(natsUrl, name);
      try {
        const limits = { toN, newest, eventsPerSecond: EVENTS_PER_SECOND };
        return await auditRecorded({ client: session.client, nats }, { source, ...limits, signal });
      } finally {
        await nats.close();
      }
    } finally {
      await session.close();
    }
  }

  #note(audit: StreamAudit): void {
    const { logger } = this.#options;
    const { source, fromN, toN, brokenLinks, repair, holes } = audit;
    const missing = audit.missingInside + audit.missingAtEnd;
    const foreign = audit.otherEvents + audit.strangers;
    this.#last = { at: new Date().toISOString(), fromN, toN, missing, foreign, brokenLinks };
    const fields = { source, ...this.#last, tookMs: audit.tookMs };
    if (isSound(audit)) logger.info('the stream is sound', fields);
    else logger.error('the stream is not sound', { ...fields, repair, holes: holes.slice(0, 10) });
  }

  #afterFailure(error: unknown): Round {
    const { source, auditIntervalMs, logger } = this.#options;
    const isStopped = this.#loop.signal.aborted;
    if (!isStopped) logger.warn('the audit will be tried again', { source, error: messageOf(error) });
    return { next: 'after', delayMs: Math.min(RETRY_MS, auditIntervalMs) };
  }
}
