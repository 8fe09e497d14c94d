import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import { AuditLog } from '../audit/audit-log.js';
import { entryOfFlag, flagText } from '../audit/change-entry.js';
import { conflict, StageBucket, type BucketEntry, type StageStoreOptions } from '../bucket/stage-bucket.js';
import { decodeFlag, FLAG_KEYS, flagKey, type FlagRecord } from './flag-record.js';
import type { FlagMove } from './plan-flag.js';

export interface FlagWrite {
  move: FlagMove;
  by: string;
  why: string;
  /** The change that the decision was made on: its id, or undefined for "there is none yet". */
  expected: string | undefined;
  /** The highest change number that any process runs; the new one is above it even if the broker lost that change. */
  highestSeen?: number;
}

/** Flags in the bucket of the stages, by the same rules: compare-and-set twice over, the last 64 changes kept, all audited. */
export class FlagStore {
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
  static async open(connection: NatsConnection, options: StageStoreOptions = {}): Promise<FlagStore> {
    const audit = new AuditLog(connection, options);
    return new FlagStore(await StageBucket.open(connection, options), audit);
  }

  /** @throws BANYAN_FLAG_INVALID if it is no name of a flag */
  async read(flag: string): Promise<FlagRecord | undefined> {
    const entry = await this.#bucket.read(flagKey(flag));
    return entry === undefined ? undefined : decodeFlag(entry.text);
  }

  /** The current record of every flag, by name. */
  async list(): Promise<FlagRecord[]> {
    const records = recordsOf(await this.#bucket.list(FLAG_KEYS));
    return records.sort((a, b) => a.flag.localeCompare(b.flag));
  }

  /** A flag's changes, oldest first; at most the last 64. */
  async history(flag: string): Promise<FlagRecord[]> {
    return recordsOf(await this.#bucket.history(flagKey(flag)));
  }

  /** All flags' changes, each flag's oldest first; of each at most the last 64. */
  async histories(): Promise<FlagRecord[]> {
    return recordsOf(await this.#bucket.history(FLAG_KEYS));
  }

  /**
   * Makes a change. Its entry in the audit log comes first: if another writer is faster, it tells of a change never made.
   *
   * @throws BANYAN_AUDIT_UNWRITABLE, and nothing is changed
   * @throws BANYAN_STAGE_CONFLICT if the flag's last change is not the expected one, or another writer was faster
   * @throws BANYAN_FLAG_INVALID if it is no name of a flag
   */
  async write(flag: string, { move, by, why, expected, highestSeen = 0 }: FlagWrite): Promise<FlagRecord> {
    const key = flagKey(flag);
    const found = await this.#bucket.read(key);
    const before = found === undefined ? undefined : decodeFlag(found.text);
    if (before?.changeId !== expected) {
      const seen = before?.changeId ?? 'none';
      throw conflict(flag, `its last change is ${seen}, not ${expected ?? 'none'}`);
    }
    const change = Math.max(before?.change ?? 0, highestSeen) + 1;
    const at = new Date().toISOString();
    const record: FlagRecord = { flag, ...move, change, changeId: randomUUID(), by, why, at };
    const from = before === undefined ? {} : { from: flagText(before) };
    await this.#audit.append(entryOfFlag(record, { after: before?.changeId, ...from }));
    await this.#bucket.put({ key, text: JSON.stringify(record), owner: flag }, found?.revision);
    return record;
  }
}

function recordsOf(entries: readonly BucketEntry[]): FlagRecord[] {
  return entries.map(({ text }) => decodeFlag(text)).filter((record) => record !== undefined);
}
