import { randomUUID } from 'node:crypto';
import { jetstream, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf, resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import { parseEdge, type EdgeName } from './edge-name.js';
import { checkShare } from './ramp.js';
import { decodeRecord, encodeRecord, type StageRecord } from './stage-record.js';
import { isStageOf, type EdgeKind, type Stage } from './stage.js';

export const STAGE_BUCKET = 'banyan_stages';

export interface StageStoreOptions {
  /** Copies of the bucket in a NATS cluster, 1 to 5; default 1. Use 3 in a cluster. Applies when the bucket is created. */
  replicas?: number;
  /** How long to wait for each answer of JetStream, in ms; default 5000. */
  timeoutMs?: number;
}

const RULES: OptionRules<StageStoreOptions> = {
  replicas: wholeNumber(1, 5, 1),
  timeoutMs: wholeNumber(100, 600_000, 5_000),
};

/** What lies under an edge's key: a record, or something that this version cannot read. */
export interface StoredStage {
  revision: number;
  record: StageRecord | undefined;
}

export interface StageWrite {
  /** Default: query. */
  kind?: EdgeKind;
  stage: Stage;
  from: Stage;
  /** Percent of the keys that are to run `stage`; default, and 100: all. See `Ramp`. */
  share?: number | undefined;
  by: string;
  why: string;
  evidence?: unknown;
  forced?: boolean;
  /** The change that the decision was made on: its id, or undefined for "there is none yet". */
  expected: string | undefined;
  /** The highest change number that any process runs; the new one is above it even if the broker lost that change. */
  highestSeen?: number;
}

/**
 * Stage records in a NATS KV bucket, one key an edge, the last 64 changes kept. Reads go to the leader, so a reader sees
 * its own writes. Writes are compare-and-set twice over: by the bucket's revision, and by the change that the decision was
 * made on.
 */
export class StageStore {
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  /**
   * Opens the bucket, creating it if it is missing.
   *
   * @throws BANYAN_CONTROL_UNREACHABLE if JetStream does not answer
   */
  static async open(connection: NatsConnection, options: StageStoreOptions = {}): Promise<StageStore> {
    const { replicas, timeoutMs } = resolveOptions('stage store', RULES, options);
    const buckets = new Kvm(jetstream(connection, { timeout: timeoutMs }));
    const settings = { history: 64, replicas, allow_direct: false, description: 'Stages of Banyan edges' };
    return new StageStore(await reached(buckets.create(STAGE_BUCKET, settings)));
  }

  async read(edge: EdgeName): Promise<StoredStage | undefined> {
    return stored(await reached(this.#kv.get(edge.key)));
  }

  /** The current record of every edge. */
  async list(): Promise<StageRecord[]> {
    const records: StageRecord[] = [];
    for await (const key of await reached(this.#kv.keys())) {
      const entry = stored(await reached(this.#kv.get(key)));
      if (entry?.record !== undefined) records.push(entry.record);
    }
    return records;
  }

  /** An edge's changes, oldest first; at most the last 64. */
  async history(edge: EdgeName): Promise<StageRecord[]> {
    const records: StageRecord[] = [];
    for await (const entry of await reached(this.#kv.history({ key: edge.key }))) {
      const record = stored(entry)?.record;
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /**
   * Follows all edges: the current records first, then each change as it is made. Ends when the bucket or the connection
   * goes; may also fall silent when the bucket was deleted and made anew, so watchers compare with `read` now and then.
   */
  async watch(): Promise<StageFeed> {
    const feed = await reached(this.#kv.watch());
    return { stop: () => feed.stop(), entries: storedEntries(feed) };
  }

  /**
   * Makes a change.
   *
   * @throws BANYAN_STAGE_CONFLICT if the edge's last change is not the expected one, or another writer was faster
   * @throws BANYAN_SHARE_INVALID
   * @throws BANYAN_STAGE_INVALID if it is no stage of the edge's kind
   */
  async write(edge: EdgeName, write: StageWrite): Promise<StageRecord> {
    checkShare(write.share ?? 100);
    refuseOtherKind(edge, write);
    const before = await this.read(edge);
    const seen = before?.record?.changeId;
    if (seen !== write.expected)
      throw conflict(edge, `its last change is ${seen ?? 'none'}, not ${write.expected ?? 'none'}`);
    const change = Math.max(before?.record?.change ?? 0, write.highestSeen ?? 0) + 1;
    const record = newRecord(edge, change, write);
    await this.#put(edge, record, before?.revision);
    return record;
  }

  /** Puts back a change that the broker has lost, exactly as it was. `over` is the revision found there, if any. */
  async restore(record: StageRecord, over: number | undefined): Promise<void> {
    await this.#put(parseEdge(record.edge), record, over);
  }

  async #put(edge: EdgeName, record: StageRecord, over: number | undefined): Promise<void> {
    const data = encodeRecord(record);
    try {
      await (over === undefined ? this.#kv.create(edge.key, data) : this.#kv.update(edge.key, data, over));
    } catch (error) {
      // An answer lost on the way leaves open whether the write happened: look.
      if (!isLostRace(error) && (await this.#holds(edge, record))) return;
      throw isLostRace(error) ? conflict(edge, 'another writer was faster', error) : unreachable(error);
    }
  }

  async #holds(edge: EdgeName, record: StageRecord): Promise<boolean> {
    const now = await this.read(edge).catch(() => undefined);
    return now?.record?.changeId === record.changeId;
  }
}

/** A running watch. Each entry comes with its edge's key. */
export interface StageFeed {
  entries: AsyncIterable<StoredStage & { key: string }>;
  stop: () => void;
}

async function* storedEntries(
  entries: AsyncIterable<KvEntry>,
): AsyncGenerator<StoredStage & { key: string }> {
  for await (const entry of entries) {
    const found = stored(entry);
    if (found !== undefined) yield { ...found, key: entry.key };
  }
}

function stored(entry: KvEntry | null): StoredStage | undefined {
  if (entry?.operation !== 'PUT') return undefined;
  return { revision: entry.revision, record: decodeRecord(entry.string()) };
}

function newRecord(edge: EdgeName, change: number, write: StageWrite): StageRecord {
  const { kind = 'query', stage, from, share = 100, by, why, evidence, forced } = write;
  return {
    edge: edge.text,
    kind,
    stage,
    change,
    changeId: randomUUID(),
    by,
    why,
    at: new Date().toISOString(),
    from,
    ...(share === 100 ? {} : { share }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(forced === true ? { forced } : {}),
  };
}

function refuseOtherKind(edge: EdgeName, { kind = 'query', stage, from, share = 100 }: StageWrite): void {
  if (kind === 'reaction' && share !== 100)
    throw new BanyanError(
      'BANYAN_SHARE_INVALID',
      `${edge.text} is a reaction edge: all its keys move together`,
    );
  const belongs = (each: Stage): boolean => isStageOf(kind, each);
  const strange = [stage, from].find((each) => !belongs(each));
  if (strange === undefined) return;
  throw new BanyanError(
    'BANYAN_STAGE_INVALID',
    `${edge.text} is a ${kind} edge, and ${strange} none of its stages`,
  );
}

function isLostRace(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

function conflict(edge: EdgeName, what: string, cause?: unknown): BanyanError {
  return new BanyanError('BANYAN_STAGE_CONFLICT', `${edge.text} was not changed: ${what}`, { cause });
}

function unreachable(cause: unknown): BanyanError {
  return new BanyanError(
    'BANYAN_CONTROL_UNREACHABLE',
    `the stage bucket ${STAGE_BUCKET}: ${messageOf(cause)}`,
    { cause },
  );
}

async function reached<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw unreachable(error);
  }
}
