import { jetstream, JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf } from '@banyan/runtime';
import { STAGE_BUCKET } from '../bucket/stage-bucket.js';

export const RUN_BUCKET = 'banyan_runs';

const TIMEOUT_MS = 5_000;

/** What lies under a key, and its revision, which the next write has to name. */
export interface RunEntry {
  key: string;
  revision: number;
  text: string;
  /** When it was written, by the broker's clock, ms since 1970. */
  writtenMs: number;
}

/**
 * The NATS KV bucket of runs of playbooks, of what operators ask of them, and of rehearsals. Reads go to the leader; writes are
 * compare-and-set by the key's revision.
 */
export class RunBucket {
  readonly #kv: KV;

  private constructor(kv: KV) {
    this.#kv = kv;
  }

  /** Opens the bucket, creating it, with as many copies as that of the stages, if it is missing. @throws BANYAN_CONTROL_UNREACHABLE */
  static open(connection: NatsConnection): Promise<RunBucket> {
    return reached(async () => {
      const replicas = await copiesOf(connection, STAGE_BUCKET);
      const settings = { history: 5, allow_direct: false, description: 'Runs of Banyan playbooks' };
      const copies = replicas === undefined ? {} : { replicas };
      return new RunBucket(await bucketsOf(connection).create(RUN_BUCKET, { ...settings, ...copies }));
    });
  }

  /** The same for those who only read: undefined if there is none yet. @throws BANYAN_CONTROL_UNREACHABLE */
  static find(connection: NatsConnection): Promise<RunBucket | undefined> {
    return reached(async () => {
      if ((await copiesOf(connection, RUN_BUCKET)) === undefined) return undefined;
      return new RunBucket(await bucketsOf(connection).open(RUN_BUCKET));
    });
  }

  read(key: string): Promise<RunEntry | undefined> {
    return reached(async () => {
      const entry = await this.#kv.get(key);
      if (entry?.operation !== 'PUT') return undefined;
      return { key, revision: entry.revision, text: entry.string(), writtenMs: entry.created.getTime() };
    });
  }

  /** The current entry of every key that matches, as in `run.>`. */
  async list(keys: string): Promise<RunEntry[]> {
    const names = await reached(async () => {
      const found: string[] = [];
      for await (const key of await this.#kv.keys(keys)) found.push(key);
      return found.sort();
    });
    const entries = await Promise.all(names.map((key) => this.read(key)));
    return entries.filter((entry) => entry !== undefined);
  }

  /**
   * Writes over the revision that was found; undefined: over nothing.
   *
   * @returns the new revision; undefined if another writer was faster
   */
  async put(key: string, text: string, over: number | undefined): Promise<number | undefined> {
    try {
      return await (over === undefined ? this.#kv.create(key, text) : this.#kv.update(key, text, over));
    } catch (error) {
      if (isLostRace(error)) return this.#written(key, text);
      throw unreachable(error);
    }
  }

  /** A write whose answer was lost, and that was made again, meets itself. */
  async #written(key: string, text: string): Promise<number | undefined> {
    const now = await this.read(key);
    return now?.text === text ? now.revision : undefined;
  }
}

const bucketsOf = (connection: NatsConnection): Kvm =>
  new Kvm(jetstream(connection, { timeout: TIMEOUT_MS }));

/** Copies of a bucket in the cluster; undefined: there is no such bucket. */
async function copiesOf(connection: NatsConnection, bucket: string): Promise<number | undefined> {
  const manager = await jetstreamManager(connection, { timeout: TIMEOUT_MS });
  try {
    return (await manager.streams.info(`KV_${bucket}`)).config.num_replicas;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined;
    throw error;
  }
}

function isLostRace(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return error.code === StreamWrongLastSequence || error.code === StreamWrongLastSequenceUnknown;
}

function unreachable(cause: unknown): BanyanError {
  return new BanyanError('BANYAN_CONTROL_UNREACHABLE', `the bucket ${RUN_BUCKET}: ${messageOf(cause)}`, {
    cause,
  });
}

async function reached<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unreachable(error);
  }
}
