import type { Logger } from '@banyan/runtime';
import type { Follower } from '../bucket/bucket-session.js';
import type { BucketEntry, BucketText } from '../bucket/stage-bucket.js';
import { RecordFile } from '../record-file.js';
import {
  decodeFlag,
  FLAG_FORM,
  flagKey,
  flagOfKey,
  flagValueFor,
  isFlagName,
  type FlagReason,
  type FlagRecord,
  type FlagValue,
} from './flag-record.js';

/** A flag as this process runs it. */
export interface RunningFlag {
  readonly record: FlagRecord;
  /** `file`: last known, broker not yet heard · `store`: as the bucket has it. */
  readonly origin: 'file' | 'store';
  /** Whether it would survive a restart without the broker. */
  readonly persisted: boolean;
}

/** The value of a flag for one key. */
export interface FlagAnswer {
  value: FlagValue;
  reason: FlagReason;
  flag: RunningFlag;
}

/** What a process says of a flag when asked. */
export type FlagReport = Pick<FlagRecord, 'flag' | 'value' | 'from' | 'share' | 'change' | 'changeId'> &
  Omit<RunningFlag, 'record'>;

/**
 * The flags of the bucket, as this process has them. Like an edge's stage, a flag never goes back to an earlier change
 * because the broker lost a later one, or is away.
 */
export class FlagSet {
  readonly follower: Follower;
  readonly #file: RecordFile<FlagRecord>;
  readonly #logger: Logger;
  readonly #flags = new Map<string, RunningFlag>();
  /** Flags that this process has asked for: those are checked to be current. */
  readonly #asked = new Set<string>();
  /** The revision of each flag's entry that could not be read, so that it is told once. */
  readonly #unreadable = new Map<string, number>();
  readonly #listeners = new Set<(flag: string) => void>();

  constructor(folder: string, logger: Logger) {
    this.#logger = logger;
    this.#file = new RecordFile(folder, FLAG_FORM, logger);
    for (const record of this.#file.all())
      this.#flags.set(record.flag, { record, origin: 'file', persisted: true });
    this.follower = {
      keys: () => [...this.#asked].map(flagKey),
      obey: (entry) => this.#obey(entry),
      lost: (key, found) => this.#lost(key, found),
    };
  }

  /** The value that a key has; undefined: there is no such flag. Costs a hash, and only while a share is in force. */
  answer(flag: string, key?: string): FlagAnswer | undefined {
    const running = this.#flags.get(flag);
    if (running === undefined) return undefined;
    this.#asked.add(flag);
    return { ...flagValueFor(running.record, key), flag: running };
  }

  /** Tells the name of each flag that has changed. */
  onChange(listener: (flag: string) => void): () => void {
    const tell = (flag: string): void => listener(flag);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  report(): FlagReport[] {
    return [...this.#flags.values()].map(({ record, origin, persisted }) => {
      const { flag, value, from, share, change, changeId } = record;
      const ramp = share === undefined ? {} : { share };
      return { flag, value, from, ...ramp, change, changeId, origin, persisted };
    });
  }

  /** Resolves once nothing is being written. */
  settled(): Promise<void> {
    return this.#file.settled();
  }

  #obey({ key, revision, text }: BucketEntry): void {
    const flag = flagOfKey(key);
    if (flag === undefined || !isFlagName(flag)) return;
    const record = decodeFlag(text);
    if (record?.flag !== flag) {
      this.#tellUnreadable(flag, revision);
      return;
    }
    const now = this.#flags.get(flag);
    if (now?.record.changeId === record.changeId) this.#flags.set(flag, { ...now, origin: 'store' });
    else if (now === undefined || isLater(record, now.record)) this.#follow(record);
  }

  #tellUnreadable(flag: string, revision: number): void {
    if (this.#unreadable.get(flag) === revision) return;
    this.#unreadable.set(flag, revision);
    this.#logger.warn('holds against a flag that it cannot read', { flag, revision });
  }

  #follow(record: FlagRecord): void {
    this.#flags.set(record.flag, { record, origin: 'store', persisted: false });
    const { flag, value, from, share, change, by } = record;
    this.#logger.info('flag changed', { flag, value, from, share, change, by });
    for (const tell of this.#listeners) tell(flag);
    void this.#keep(record);
  }

  async #keep(record: FlagRecord): Promise<void> {
    if (!(await this.#file.put(record))) return;
    const now = this.#flags.get(record.flag);
    if (now?.record === record) this.#flags.set(record.flag, { ...now, persisted: true });
  }

  #lost(key: string, found: BucketEntry | undefined): BucketText | undefined {
    const record = this.#flags.get(flagOfKey(key) ?? '')?.record;
    if (record === undefined) return undefined;
    const there = found === undefined ? undefined : decodeFlag(found.text);
    const older = there !== undefined && there.changeId !== record.changeId && !isLater(there, record);
    if (found !== undefined && !older) return undefined;
    return { key, text: JSON.stringify(record), owner: record.flag };
  }
}

/** Two changes of one number: the broker lost one of them. The later decision holds, in every process alike. */
function isLater(record: FlagRecord, than: FlagRecord): boolean {
  return record.change > than.change || (record.change === than.change && record.at > than.at);
}
