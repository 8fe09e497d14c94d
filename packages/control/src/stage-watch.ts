import {
  BanyanError,
  resolveOptions,
  silentLogger,
  text,
  wholeNumber,
  type Logger,
  type OptionRules,
} from '@banyan/runtime';
import type { BucketEntry, BucketText } from './bucket/stage-bucket.js';
import type { Follower } from './bucket/bucket-session.js';
import { BucketWatch } from './bucket/bucket-watch.js';
import { connectionRule, loggerRule, type Connection } from './connection.js';
import { EdgeStage, type EdgeDeclaration, type QueryDeclaration } from './edge-stage.js';
import { FlagSet } from './flag/flag-set.js';
import { RecordFile } from './record-file.js';
import { decodeRecord, encodeRecord, STAGE_FORM, type StageRecord } from './stage-record.js';
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

/**
 * Keeps the stages of this process's edges current, and its flags. States: on last known stages → following the bucket →
 * (broker or bucket gone) on last known stages, trying again … → stopped. A stage never depends on the broker being there,
 * and never goes back to an earlier change because the broker lost a later one: that change is put back into the bucket
 * instead.
 */
export class StageWatch {
  /** The flags of the bucket, all of them; see docs/flags.md. */
  readonly flags: FlagSet;
  /** The process's connection, as it was given. */
  readonly connection: Connection;
  readonly #logger: Logger;
  readonly #file: RecordFile<StageRecord>;
  readonly #edges = new Map<string, EdgeStage>();
  readonly #listeners = new Set<(edge: EdgeStage) => void>();
  readonly #bucket: BucketWatch;

  constructor(options: StageWatchOptions) {
    const { stateDir, logger, ...rest } = resolveOptions('stage watch', RULES, options);
    this.#logger = logger;
    this.connection = rest.connection;
    this.#file = new RecordFile(stateDir, STAGE_FORM, logger);
    this.flags = new FlagSet(stateDir, logger);
    this.#bucket = new BucketWatch({ ...rest, logger, followers: [this.#follower(), this.flags.follower] });
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
      ? this.#declare(declaration)
      : this.#declare({ ...declaration, kind: 'query' });
  }

  /** An edge that this process has declared, by its canonical text. */
  declared(edge: string): EdgeStage | undefined {
    return [...this.#edges.values()].find(({ name }) => name.text === edge);
  }

  /** Tells each change of a declared edge. */
  onChange(listener: (edge: EdgeStage) => void): () => void {
    const tell = (edge: EdgeStage): void => listener(edge);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Whether the process runs what the bucket has; false while it goes on with what it knew last. */
  get following(): boolean {
    return this.#bucket.following;
  }

  onFollowing(listener: (following: boolean) => void): () => void {
    return this.#bucket.onFollowing(listener);
  }

  #declare<K extends EdgeKind>(declaration: EdgeDeclaration<K>): EdgeStage<K> {
    const fresh = new EdgeStage(declaration, (name) => this.#file.get(name));
    const known = this.#edges.get(fresh.name.key);
    if (known !== undefined) known.rampBy ??= fresh.rampBy;
    if (known !== undefined && isOfKind(known, declaration.kind)) return known;
    if (known !== undefined) {
      const what = `${known.name.text} is a ${known.kind} edge here, and cannot be a ${declaration.kind} edge too`;
      throw new BanyanError('BANYAN_STAGE_INVALID', what);
    }
    this.#edges.set(fresh.name.key, fresh);
    fresh.onChange(() => this.#listeners.forEach((tell) => tell(fresh)));
    return fresh;
  }

  /** Begins to follow the bucket, in the background. */
  start(): void {
    this.#bucket.start();
  }

  async stop(): Promise<void> {
    await this.#bucket.stop();
    await Promise.all([this.#file.settled(), this.flags.settled()]);
  }

  #follower(): Follower {
    return {
      keys: () => this.#edges.keys(),
      obey: ({ key, text: written }) => {
        const edge = this.#edges.get(key);
        if (edge !== undefined) this.#obey(edge, decodeRecord(written));
      },
      lost: (key, found) => lostBy(this.#edges.get(key), found),
    };
  }

  #obey(edge: EdgeStage, record: StageRecord | undefined): void {
    const before = edge.held?.changeId;
    const verdict = edge.consider(record);
    if (verdict === 'same') return;
    const fields = { edge: edge.name.text, ...edge.running };
    if (verdict !== 'applied') {
      if (before !== edge.held?.changeId)
        this.#logger.warn(`holds against a record: ${verdict}`, { ...fields, held: edge.held });
      return;
    }
    this.#logger.info('stage changed', fields);
    if (record !== undefined) void this.#keep(edge, record);
  }

  async #keep(edge: EdgeStage, record: StageRecord): Promise<void> {
    if (await this.#file.put(record)) edge.markPersisted(record);
  }
}

/** The record that this process runs and the bucket lacks, or has an older one in place of. */
function lostBy(edge: EdgeStage | undefined, found: BucketEntry | undefined): BucketText | undefined {
  if (edge?.record === undefined) return undefined;
  if (found !== undefined && edge.held?.reason !== 'older') return undefined;
  return { key: edge.name.key, text: encodeRecord(edge.record), owner: edge.name.text };
}

function isOfKind<K extends EdgeKind>(stage: EdgeStage, kind: K): stage is EdgeStage<K> {
  return stage.kind === kind;
}
