import { BanyanError, messageOf, type Logger } from '@banyan/runtime';
import { JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, KvWatchInclude, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';

const BUCKET = 'BANYAN_RELAY';
const STREAM_NOT_FOUND = 10059;

/** What NATS remembers of the database that last published for a source. Outlives stream and database alike. */
export interface WitnessRecord {
  epoch: number;
  systemIdentifier: string;
  timeline: number;
  /** One running database: another one, if only a copy of it, has another. */
  instance: string;
  /** The leadership that wrote this. */
  holder: string;
  /** The last tick known to be wholly in the stream. Coarse: it lags behind. */
  acked: AckedTick | undefined;
}

export interface AckedTick {
  tick: number;
  n: number;
  eventId: string | undefined;
}

export interface WitnessOptions {
  source: string;
  replicas: number;
  logger: Logger;
}

/**
 * A record of the source's leader in a NATS bucket. It is no lock (that is in the database, and the chain is the fence); it
 * makes two databases that both take themselves for the source meet: whoever publishes wrote it last, and its writes are
 * compare-and-set. States: read → taken → lost. A lost one stays lost.
 */
export class Witness {
  readonly #kv: KV;
  readonly #options: WitnessOptions;
  #record: WitnessRecord | undefined;
  #revision: number;
  #stopWatch: (() => void) | undefined;
  #failure: BanyanError | undefined;

  private constructor(kv: KV, options: WitnessOptions, entry: Entry) {
    this.#kv = kv;
    this.#options = options;
    this.#record = entry.record;
    this.#revision = entry.revision;
  }

  /** Reads what is there. Makes the bucket if there is none. */
  static async open(nats: NatsConnection, options: WitnessOptions): Promise<Witness> {
    const kv = await openBucket(nats, options.replicas);
    return new Witness(kv, options, await readEntry(kv, options.source));
  }

  /** What is known; undefined before the first leader. */
  get record(): WitnessRecord | undefined {
    return this.#record;
  }

  /** Throws once somebody else has taken it. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Writes that this leadership publishes from now on. `onLost` is called once somebody else does the same.
   * @throws BanyanError BANYAN_LEADERSHIP_LOST if somebody did since it was read
   */
  async take(record: WitnessRecord, onLost: () => void): Promise<void> {
    await this.#write(record);
    const watch = await this.#kv.watch({ key: this.#options.source, include: KvWatchInclude.UpdatesOnly });
    this.#stopWatch = () => watch.stop();
    void this.#watch(watch, record.holder, onLost);
  }

  /** Notes how far the stream has acknowledged. @throws BanyanError BANYAN_LEADERSHIP_LOST if it is no longer ours */
  async note(acked: AckedTick): Promise<void> {
    this.check();
    if (this.#record !== undefined) await this.#write({ ...this.#record, acked });
  }

  close(): void {
    this.#stopWatch?.();
    this.#failure ??= new BanyanError('BANYAN_LEADERSHIP_LOST', 'the leadership has ended');
  }

  async #write(record: WitnessRecord): Promise<void> {
    try {
      // 0, for a key that is not there, is what `update` refuses.
      const expected = { previousSeq: this.#revision };
      this.#revision = await this.#kv.put(this.#options.source, JSON.stringify(record), expected);
      this.#record = record;
    } catch (error) {
      const message = `the source's record in ${BUCKET} could not be written: ${messageOf(error)}`;
      throw new BanyanError('BANYAN_LEADERSHIP_LOST', message, { cause: error });
    }
  }

  async #watch(watch: AsyncIterable<KvItem>, holder: string, onLost: () => void): Promise<void> {
    try {
      for await (const entry of watch) {
        const now = decode(entry.string());
        if (now?.holder === holder) continue;
        const message = `${now?.holder ?? 'somebody'} leads ${this.#options.source} on another database`;
        this.#failure ??= new BanyanError('BANYAN_LEADERSHIP_LOST', message);
        onLost();
        return;
      }
    } catch (error) {
      this.#options.logger.debug('watching the record ended', { error: messageOf(error) });
    }
  }
}

interface KvItem {
  string: () => string;
}

interface Entry {
  record: WitnessRecord | undefined;
  revision: number;
}

/** Reads go to the bucket's leader, not to any copy of it. */
async function openBucket(nats: NatsConnection, replicas: number): Promise<KV> {
  const kvm = new Kvm(nats);
  const kv = await kvm.open(BUCKET, { allow_direct: false });
  try {
    await kv.status();
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
    await kvm.create(BUCKET, { replicas, history: 1, description: 'Which database publishes for a source' });
  }
  return kv;
}

async function readEntry(kv: KV, source: string): Promise<Entry> {
  const entry = await kv.get(source);
  if (entry === null) return { record: undefined, revision: 0 };
  return { record: entry.operation === 'PUT' ? decode(entry.string()) : undefined, revision: entry.revision };
}

/** What cannot be read is taken as nothing known: whoever may write here can do worse. */
function decode(text: string): WitnessRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is WitnessRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { epoch, systemIdentifier, timeline, instance, holder } = value as Record<string, unknown>;
  const texts = [systemIdentifier, instance, holder].every((text) => typeof text === 'string');
  return texts && Number.isSafeInteger(epoch) && Number.isSafeInteger(timeline);
}
