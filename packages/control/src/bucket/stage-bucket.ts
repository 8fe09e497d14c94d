import { jetstream, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf, resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';

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

/** What lies under a key of the bucket, readable or not. */
export interface BucketEntry {
  key: string;
  revision: number;
  text: string;
}

/** What is to lie under a key. */
export interface BucketText {
  key: string;
  text: string;
  /** Whose record it is, for errors: an edge or a flag. */
  owner: string;
}

/**
 * The NATS KV bucket of all stages and flags, the last 64 changes of each key kept. Reads go to the leader, so a reader sees
 * its own writes. Writes are compare-and-set by the key's revision.
 */
export class StageBucket {
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  /**
   * Opens the bucket, creating it if it is missing.
   *
   * @throws BANYAN_CONTROL_UNREACHABLE if JetStream does not answer
   */
  static async open(connection: NatsConnection, options: StageStoreOptions = {}): Promise<StageBucket> {
    const { replicas, timeoutMs } = resolveOptions('stage store', RULES, options);
    const buckets = new Kvm(jetstream(connection, { timeout: timeoutMs }));
    const settings = { history: 64, replicas, allow_direct: false, description: 'Stages of Banyan edges' };
    return new StageBucket(await reached(buckets.create(STAGE_BUCKET, settings)));
  }

  async read(key: string): Promise<BucketEntry | undefined> {
    return entryOf(await reached(this.#kv.get(key)));
  }

  /** The current entry of every key that matches, as in `_flag.>`. */
  async list(keys: string): Promise<BucketEntry[]> {
    const entries: BucketEntry[] = [];
    for await (const key of await reached(this.#kv.keys(keys))) {
      const entry = await this.read(key);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** What lay under a key, oldest first; at most the last 64. */
  async history(key: string): Promise<BucketEntry[]> {
    const entries: BucketEntry[] = [];
    for await (const each of await reached(this.#kv.history({ key }))) {
      const entry = entryOf(each);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /**
   * Follows all keys: the current entries first, then each change as it is made. Ends when the bucket or the connection
   * goes; may also fall silent when the bucket was deleted and made anew, so watchers compare with `read` now and then.
   */
  async watch(): Promise<BucketFeed> {
    const feed = await reached(this.#kv.watch());
    const { streamInfo } = await reached(this.#kv.status());
    const { messages, last_seq: latest } = streamInfo.state;
    return { stop: () => feed.stop(), latest: messages === 0 ? 0 : latest, entries: entriesOf(feed) };
  }

  /**
   * Writes over the revision that was found; undefined: over nothing.
   *
   * @throws BANYAN_STAGE_CONFLICT if another writer was faster
   */
  async put({ key, text, owner }: BucketText, over: number | undefined): Promise<void> {
    try {
      await (over === undefined ? this.#kv.create(key, text) : this.#kv.update(key, text, over));
    } catch (error) {
      // An answer lost on the way leaves open whether the write happened: look.
      if (!isLostRace(error) && (await this.#holds(key, text))) return;
      throw isLostRace(error) ? conflict(owner, 'another writer was faster', error) : unreachable(error);
    }
  }

  async #holds(key: string, text: string): Promise<boolean> {
    const now = await this.read(key).catch(() => undefined);
    return now?.text === text;
  }
}

/** A running watch. */
export interface BucketFeed {
  /** Deletions come too, without a text. */
  entries: AsyncIterable<Omit<BucketEntry, 'text'> & { text: string | undefined }>;
  /** Once this revision has come, the feed has delivered all that there was when it began; 0: there was nothing. */
  latest: number;
  stop: () => void;
}

async function* entriesOf(feed: AsyncIterable<KvEntry>): BucketFeed['entries'] {
  for await (const entry of feed) {
    yield { key: entry.key, revision: entry.revision, text: entryOf(entry)?.text };
  }
}

function entryOf(entry: KvEntry | null): BucketEntry | undefined {
  if (entry?.operation !== 'PUT') return undefined;
  return { key: entry.key, revision: entry.revision, text: entry.string() };
}

function isLostRace(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

/** The error of a change that was decided on something else than what is there. */
export function conflict(owner: string, what: string, cause?: unknown): BanyanError {
  return new BanyanError('BANYAN_STAGE_CONFLICT', `${owner} was not changed: ${what}`, { cause });
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
