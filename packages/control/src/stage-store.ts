import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError } from '@banyan/runtime';
import { AuditLog } from './audit/audit-log.js';
import { entryOfStage } from './audit/change-entry.js';
import { conflict, StageBucket, type BucketEntry, type StageStoreOptions } from './bucket/stage-bucket.js';
import type { EdgeName } from './edge-name.js';
import { checkShare } from './ramp.js';
import { decodeRecord, encodeRecord, type StageRecord } from './stage-record.js';
import { isStageOf, type EdgeKind, type Stage } from './stage.js';

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
 * Stage records in the bucket, one key an edge. Writes are compare-and-set twice over: by the bucket's revision, and by the
 * change that the decision was made on. None is made without an entry in the audit log.
 */
export class StageStore {
  readonly #bucket: StageBucket;
  readonly #audit: AuditLog;

  private constructor(bucket: StageBucket, audit: AuditLog) {
    this.#bucket = bucket;
    this.#audit = audit;
  }

  /**
   * Opens the bucket, creating it if it is missing.
   *
   * @throws BANYAN_CONTROL_UNREACHABLE if JetStream does not answer
   */
  static async open(connection: NatsConnection, options: StageStoreOptions = {}): Promise<StageStore> {
    const audit = new AuditLog(connection, options);
    return new StageStore(await StageBucket.open(connection, options), audit);
  }

  async read(edge: EdgeName): Promise<StoredStage | undefined> {
    const entry = await this.#bucket.read(edge.key);
    return entry === undefined ? undefined : { revision: entry.revision, record: decodeRecord(entry.text) };
  }

  /** The current record of every edge. */
  async list(): Promise<StageRecord[]> {
    return recordsOf(await this.#bucket.list('*.*.*'));
  }

  /** An edge's changes, oldest first; at most the last 64. */
  async history(edge: EdgeName): Promise<StageRecord[]> {
    return recordsOf(await this.#bucket.history(edge.key));
  }

  /** All edges' changes, each edge's oldest first; of each at most the last 64. */
  async histories(): Promise<StageRecord[]> {
    return recordsOf(await this.#bucket.history('*.*.*'));
  }

  /**
   * Makes a change. Its entry in the audit log comes first: if another writer is faster, it tells of a change never made.
   *
   * @throws BANYAN_STAGE_CONFLICT if the edge's last change is not the expected one, or another writer was faster
   * @throws BANYAN_AUDIT_UNWRITABLE, and nothing is changed
   * @throws BANYAN_SHARE_INVALID
   * @throws BANYAN_STAGE_INVALID if it is no stage of the edge's kind
   */
  async write(edge: EdgeName, write: StageWrite): Promise<StageRecord> {
    checkShare(write.share ?? 100);
    refuseOtherKind(edge, write);
    const before = await this.read(edge);
    const seen = before?.record?.changeId;
    if (seen !== write.expected)
      throw conflict(edge.text, `its last change is ${seen ?? 'none'}, not ${write.expected ?? 'none'}`);
    const change = Math.max(before?.record?.change ?? 0, write.highestSeen ?? 0) + 1;
    const record = newRecord(edge, change, write);
    await this.#audit.append(entryOfStage(record, seen));
    const text = { key: edge.key, text: encodeRecord(record), owner: edge.text };
    await this.#bucket.put(text, before?.revision);
    return record;
  }
}

function recordsOf(entries: readonly BucketEntry[]): StageRecord[] {
  return entries.map(({ text }) => decodeRecord(text)).filter((record) => record !== undefined);
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
