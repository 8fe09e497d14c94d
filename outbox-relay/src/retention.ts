import { backoffDelayMs, Loop, messageOf, type Logger, type Round } from '@banyan/runtime';
import pg from 'pg';
import { sweep, type RetentionLimits, type SweepCounts } from './retention-sweep.js';
import { schemaOf } from './shard.js';

export interface RetentionOptions extends RetentionLimits {
  source: string;
  shard: number;
  databaseUrl: string;
  retentionCheckMs: number;
  logger: Logger;
}

/** First ceiling of the delay before a slot that was in use is tried again, in ms. */
const BUSY_FIRST_DELAY_MS = 1000;

// A commit does not wait for standbys while it holds the lock: a truncation that a failover loses is made again. The
// judgement of a slot needs snapshots that move on from statement to statement.
const SESSION = [
  'synchronous_commit=local',
  String.raw`default_transaction_isolation=read\ committed`,
  'statement_timeout=0',
  'idle_in_transaction_session_timeout=10000',
];

// Acknowledgements beyond where the stream ends now were lost by the broker: they no longer count.
const FORGET_MARKS = `delete from acked_mark where tick > $1`;

/**
 * Keeps the outbox from growing: sweeps it now and then, for as long as its relay leads. Each sweep has a connection of its
 * own, so that a lock which it waits for never holds up publishing, and trouble here never ends the leadership.
 */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #ackedTick: () => number;
  readonly #loop: Loop;
  #client: pg.Client | undefined;
  #failures = 0;
  #isFirst = true;

  /** @param ackedTick the last tick whose events are all acknowledged, as this leadership has seen it */
  constructor(options: RetentionOptions, ackedTick: () => number) {
    this.#options = options;
    this.#ackedTick = ackedTick;
    this.#loop = new Loop({
      runOnce: async () => (this.#isFirst ? this.#first() : this.#after(await this.sweep())),
      onError: (error) => Promise.resolve(this.#afterFailure(error)),
    });
  }

  /** To be called where the leadership begins, before anything is published. */
  static async align(client: pg.ClientBase, ackedTick: number): Promise<void> {
    await client.query(FORGET_MARKS, [ackedTick]);
  }

  start(): void {
    this.#loop.start();
  }

  /** Ends a sweep that is under way; the server finishes or undoes its statement. */
  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    // Broken off: `end` while it connects would leave the sweep waiting for the connection for good.
    this.#client?.connection.stream.destroy();
    await stopped;
  }

  /** One sweep. */
  async sweep(): Promise<SweepCounts> {
    const { databaseUrl, source, shard, logger } = this.#options;
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: `banyan-relay ${source} retention`,
      connectionTimeoutMillis: 5000,
      options: [...SESSION, `search_path=${schemaOf(shard)}`].map((setting) => `-c ${setting}`).join(' '),
    });
    client.on('error', (error) =>
      logger.debug('the retention connection broke', { error: messageOf(error) }),
    );
    this.#client = client;
    try {
      await client.connect();
      return await sweep(client, this.#ackedTick(), this.#options);
    } finally {
      this.#client = undefined;
      await client.end();
    }
  }

  /** Not at once: a new leader has more urgent things to do, and a source's relays should not all sweep together. */
  #first(): Round {
    this.#isFirst = false;
    return { next: 'after', delayMs: this.#options.retentionCheckMs * (0.5 + 0.5 * Math.random()) };
  }

  #after(counts: SweepCounts): Round {
    const { source, logger, retentionCheckMs: maxMs } = this.#options;
    const { movedTo, emptied, busy } = counts;
    if (movedTo !== undefined || emptied.length > 0) logger.info('rotated the outbox', { source, ...counts });
    if (busy.length === 0) {
      this.#failures = 0;
      return { next: 'after', delayMs: maxMs * (0.9 + 0.2 * Math.random()) };
    }
    logger.debug('a slot is in use', { source, busy });
    return this.#afterTrouble();
  }

  #afterFailure(error: unknown): Round {
    const { source, logger } = this.#options;
    if (!this.#loop.signal.aborted)
      logger.warn('retention will try again', { source, error: messageOf(error) });
    return this.#afterTrouble();
  }

  #afterTrouble(): Round {
    const { retentionCheckMs: maxMs } = this.#options;
    const backoff = { firstMs: Math.min(BUSY_FIRST_DELAY_MS, maxMs), maxMs };
    return { next: 'after', delayMs: backoffDelayMs(this.#failures++, backoff) };
  }
}
