import { hostname } from 'node:os';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  Loop,
  messageOf,
  resolveOptions,
  silentLogger,
  systemClock,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
  type Round,
} from '@banyan/runtime';
import { AuditLog } from '../audit/audit-log.js';
import { connectionRule, loggerRule, type Connection } from '../connection.js';
import type { ServerLedgerReport } from './ledger-report.js';
import { LedgerStore, type ServerRecord } from './ledger-store.js';
import { strayOf, type QuietProof, type StrayCall } from './quiet-proof.js';

/** A server ledger, as its keeper sees it. */
export interface KeptLedger {
  readonly id: string;
  report: () => ServerLedgerReport;
}

export interface LedgerKeeperOptions {
  /** The process's one connection, or the promise of it. */
  connection: Connection;
  /** The service that this process belongs to, e.g. `projects`. */
  service: string;
  ledger: KeptLedger;
  /** How often the process makes itself known, in ms; default 10000. */
  beatMs?: number;
  /** How often it looks whether a call came on an edge that was proven quiet, in ms; default 2000. */
  lookMs?: number;
  logger?: Logger;
}

const RULES: OptionRules<LedgerKeeperOptions> = {
  connection: connectionRule,
  service: text(),
  ledger: {
    must: 'a server ledger',
    check: (value): value is KeptLedger => typeof value === 'object' && value !== null && 'report' in value,
  },
  beatMs: wholeNumber(100, 3_600_000, 10_000),
  lookMs: wholeNumber(50, 3_600_000, 2_000),
  logger: loggerRule(silentLogger),
};

/** Short: a process that stops does not wait long for a broker that is away. */
const API_TIMEOUT_MS = 1_500;

/**
 * Makes a server ledger known for as long as its process runs, and says when it has ended: so that `banyan quiet` knows whom it
 * has to ask, and who can be asked no more. Also tells of calls that come on an edge after it was proven quiet.
 *
 * Trap: a process that has never reached the broker is not known of.
 */
export class LedgerKeeper {
  readonly #options: Required<LedgerKeeperOptions>;
  readonly #loop: Loop;
  readonly #startedAt = new Date().toISOString();
  #connection: NatsConnection | undefined;
  #store: LedgerStore | undefined;
  #beatMs = -Infinity;
  #failures = 0;

  constructor(given: LedgerKeeperOptions) {
    this.#options = resolveOptions('ledger keeper', RULES, given);
    this.#loop = new Loop({
      runOnce: () => this.runOnce(),
      onError: (error) => this.#comeBack(error),
    });
  }

  /** Begins once the broker is there. */
  async start(): Promise<void> {
    this.#connection = await this.#options.connection;
    if (!this.#loop.signal.aborted) this.#loop.start();
  }

  /** Says that the ledger has ended: after the server has taken its last call. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    const store = this.#store;
    this.#store = undefined;
    const endedAt = new Date().toISOString();
    await store?.putServer({ ...this.#record(), endedAt }).catch((error: unknown) => {
      this.#options.logger.warn('cannot say that a ledger has ended', { error: messageOf(error) });
    });
  }

  /** Makes the ledger known if it is time, and looks at what came after proofs. */
  async runOnce(): Promise<Round> {
    const store = await this.#opened();
    const nowMs = systemClock.monotonicMs();
    if (store !== undefined && nowMs - this.#beatMs >= this.#options.beatMs) {
      await store.putServer(this.#record());
      this.#beatMs = nowMs;
    }
    for (const proof of (await store?.proofs(this.#options.service)) ?? []) await this.#check(proof);
    this.#failures = 0;
    return { next: 'after', delayMs: this.#options.lookMs };
  }

  async #opened(): Promise<LedgerStore | undefined> {
    if (this.#connection === undefined) return undefined;
    this.#store ??= await LedgerStore.open(this.#connection, { timeoutMs: API_TIMEOUT_MS });
    return this.#store;
  }

  #record(): ServerRecord {
    const { service, ledger } = this.#options;
    const beatAt = new Date().toISOString();
    return { service, id: ledger.id, process: this.#process, startedAt: this.#startedAt, beatAt };
  }

  get #process(): string {
    return `${hostname()}-${process.pid}`;
  }

  async #check(proof: QuietProof): Promise<void> {
    if (proof.revoked !== undefined) return;
    const stray = strayOf(proof, this.#options.ledger.report(), this.#process);
    if (stray === undefined || (await this.#store?.revoke(proof, stray)) !== true) return;
    this.#options.logger.warn('called after its edge was proven quiet', { edge: proof.edge, ...stray });
    await this.#audit(proof, stray);
  }

  async #audit({ edge, at }: QuietProof, stray: StrayCall): Promise<void> {
    if (this.#connection === undefined) return;
    const why = `${stray.caller} called at ${stray.at}, after the proof of ${at}`;
    const entry = { kind: 'quiet' as const, about: edge, by: this.#options.service, why };
    await new AuditLog(this.#connection).append({
      ...entry,
      from: 'quiet',
      to: 'called',
      details: { ...stray },
    });
  }

  #comeBack(error: unknown): Promise<Round> {
    const level = this.#failures === 0 ? 'warn' : 'debug';
    this.#options.logger[level]('the ledger bucket does not answer', { error: messageOf(error) });
    this.#failures += 1;
    this.#store = undefined;
    return Promise.resolve({ next: 'after', delayMs: this.#options.lookMs });
  }
}
