import type { NatsConnection } from '@nats-io/nats-core';
import {
  BanyanError,
  backoffDelayMs,
  Loop,
  messageOf,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
  type Round,
} from '@banyan/runtime';
import { connectionRule, loggerRule, type Connection } from './connection.js';
import { EdgeStage, type EdgeDeclaration, type QueryDeclaration } from './edge-stage.js';
import { StageFile } from './stage-file.js';
import type { StageRecord } from './stage-record.js';
import { StageSession } from './stage-session.js';
import { StageStore, type StoredStage } from './stage-store.js';
import type { EdgeKind } from './stage.js';

export interface StageWatchOptions {
  /** The process's one connection, or the promise of it. */
  connection: Connection;
  /** Folder of this process alone, for its last known stages. It must survive restarts. */
  stateDir: string;
  /** Where changes and trouble are told; default nowhere. */
  logger?: Logger;
  /**
   * How often, in ms, each edge's record is read to see that the watch has missed nothing; default 2000. Bounds how late a
   * change comes in force after the bucket was deleted and made anew. Costs one small request an edge.
   */
  checkEveryMs?: number;
  /** Copies of the bucket in a NATS cluster, should this process be the one to create it; default 1. */
  replicas?: number;
}

const RULES: OptionRules<StageWatchOptions> = {
  connection: connectionRule,
  stateDir: text(),
  logger: loggerRule(silentLogger),
  checkEveryMs: wholeNumber(50, 600_000, 2_000),
  replicas: wholeNumber(1, 5, 1),
};

/** Short: a request that falls into a reconnect is lost, and only the next one is answered. */
const API_TIMEOUT_MS = 1_500;
const BACKOFF = { firstMs: 100, maxMs: 1_000 };

/**
 * Keeps the stages of this process's edges current. States: on last known stages → following the bucket → (broker or
 * bucket gone) on last known stages, trying again … → stopped. A stage never depends on the broker being there, and never
 * goes back to an earlier change because the broker lost a later one: that change is put back into the bucket instead.
 */
export class StageWatch {
  readonly #options: Required<StageWatchOptions>;
  readonly #file: StageFile;
  readonly #edges = new Map<string, EdgeStage>();
  readonly #loop: Loop;
  #failures = 0;
  #session: StageSession | undefined;
  #connection: NatsConnection | undefined;

  constructor(options: StageWatchOptions) {
    this.#options = resolveOptions('stage watch', RULES, options);
    this.#file = new StageFile(this.#options.stateDir, this.#options.logger);
    this.#loop = new Loop({
      runOnce: (signal) => this.#follow(signal),
      onError: (error) => this.#comeBack(error),
    });
  }

  /** The process's connection, as it was given. */
  get connection(): Connection {
    return this.#options.connection;
  }

  /**
   * Declares an edge of this process; it stands at its last known stage at once. Declaring it again gives the same.
   *
   * @throws BANYAN_STAGE_INVALID if it was declared as an edge of the other kind
   */
  edge(declaration: QueryDeclaration): EdgeStage<'query'>;
  edge(declaration: EdgeDeclaration<'reaction'>): EdgeStage<'reaction'>;
  edge(declaration: QueryDeclaration | EdgeDeclaration<'reaction'>): EdgeStage {
    return declaration.kind === 'reaction'
      ? this.#declared(declaration)
      : this.#declared({ ...declaration, kind: 'query' });
  }

  #declared<K extends EdgeKind>(declaration: EdgeDeclaration<K>): EdgeStage<K> {
    const fresh = new EdgeStage(declaration, (name) => this.#file.get(name));
    const known = this.#edges.get(fresh.name.key);
    if (known !== undefined && isOfKind(known, declaration.kind)) return known;
    if (known !== undefined) {
      const what = `${known.name.text} is a ${known.kind} edge here, and cannot be a ${declaration.kind} edge too`;
      throw new BanyanError('BANYAN_STAGE_INVALID', what);
    }
    this.#edges.set(fresh.name.key, fresh);
    return fresh;
  }

  /** Begins to follow the bucket, in the background. */
  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#session?.end();
    await stopped;
    await this.#file.settled();
  }

  /** One session: from opening the bucket until it, the watch or the connection goes. */
  async #follow(signal: AbortSignal): Promise<Round> {
    const connection = await this.#connected(signal);
    if (connection === undefined) return { next: 'now' };
    const { logger, replicas, checkEveryMs } = this.#options;
    const store = await StageStore.open(connection, { replicas, timeoutMs: API_TIMEOUT_MS });
    const feed = await store.watch();
    this.#failures = 0;
    const obey = (edge: EdgeStage, entry: StoredStage): void => this.#obey(edge, entry.record);
    this.#session = new StageSession({ store, feed, edges: this.#edges, obey, checkEveryMs, logger });
    if (signal.aborted) this.#session.end();
    await this.#session.run();
    return { next: 'after', delayMs: 50 };
  }

  /** The connection once there is one; undefined if stopped first. */
  async #connected(signal: AbortSignal): Promise<NatsConnection | undefined> {
    if (this.#connection !== undefined) return this.#connection;
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    this.#connection = await Promise.race([this.#options.connection, aborted]);
    if (this.#connection !== undefined) void this.#renewAfterReconnects(this.#connection);
    return this.#connection;
  }

  /** After a reconnect the server may have forgotten the watch, and says nothing of it. */
  async #renewAfterReconnects(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (this.#loop.signal.aborted) return;
      if (status.type === 'reconnect') this.#session?.end();
    }
  }

  #obey(edge: EdgeStage, record: StageRecord | undefined): void {
    const before = edge.held?.changeId;
    const verdict = edge.consider(record);
    if (verdict === 'same') return;
    const fields = { edge: edge.name.text, ...edge.running };
    if (verdict !== 'applied') {
      if (before !== edge.held?.changeId)
        this.#options.logger.warn(`holds against a record: ${verdict}`, { ...fields, held: edge.held });
      return;
    }
    this.#options.logger.info('stage changed', fields);
    if (record !== undefined) void this.#keep(edge, record);
  }

  async #keep(edge: EdgeStage, record: StageRecord): Promise<void> {
    if (await this.#file.put(record)) edge.markPersisted(record);
  }

  #comeBack(error: unknown): Promise<Round> {
    const level = this.#failures === 0 ? 'warn' : 'debug';
    this.#options.logger[level]('runs on last known stages', { error: messageOf(error) });
    const delayMs = backoffDelayMs(this.#failures, BACKOFF);
    this.#failures += 1;
    return Promise.resolve({ next: 'after', delayMs });
  }
}

function isOfKind<K extends EdgeKind>(stage: EdgeStage, kind: K): stage is EdgeStage<K> {
  return stage.kind === kind;
}
