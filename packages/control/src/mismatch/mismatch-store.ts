import {
  DiscardPolicy,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  StorageType,
  type JetStreamClient,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/nats-core';
import { BanyanError, messageOf, resolveOptions, wholeNumber, type OptionRules } from '@banyan/runtime';
import { parseEdge } from '../edge-name.js';
import { decodeMismatch, type Mismatch } from './mismatch.js';

export const MISMATCH_STREAM = 'BANYAN_MISMATCHES';

/** A larger one is not taken; writers cut theirs to fit. */
export const MISMATCH_MAX_BYTES = 32 * 1024;

/** These apply when the stream is created; later with NATS's own tools. */
export interface MismatchStoreOptions {
  /** Kept of each edge besides the first of each group, oldest out; default 50. */
  perEdge?: number;
  /** Kept in all, in bytes; default 64 MiB. Only beyond it does the first of a group go. */
  maxBytes?: number;
  /** How long any is kept, in ms; default a week. They hold parts of answers. */
  maxAgeMs?: number;
  /** Copies of the stream in a NATS cluster, 1 to 5; default 1. */
  replicas?: number;
  /** How long to wait for each answer of JetStream, in ms; default 5000. */
  timeoutMs?: number;
}

const RULES: OptionRules<MismatchStoreOptions> = {
  perEdge: wholeNumber(1, 10_000, 50),
  maxBytes: wholeNumber(1_048_576, 1_099_511_627_776, 64 * 1_048_576),
  maxAgeMs: wholeNumber(1_000, 31_536_000_000, 7 * 86_400_000),
  replicas: wholeNumber(1, 5, 1),
  timeoutMs: wholeNumber(100, 600_000, 5_000),
};

/**
 * Counterexamples of all processes in one JetStream stream, which the broker keeps within its limits: the first of each
 * group on a subject of its own, the later ones of an edge on one subject that holds so many and drops the oldest.
 */
export class MismatchStore {
  readonly #jetstream: JetStreamClient;

  private constructor(client: JetStreamClient) {
    this.#jetstream = client;
  }

  /**
   * Opens the stream, creating it if it is missing.
   *
   * @throws BANYAN_CONTROL_UNREACHABLE if JetStream does not answer
   */
  static async open(connection: NatsConnection, given: MismatchStoreOptions = {}): Promise<MismatchStore> {
    const options = resolveOptions('mismatch store', RULES, given);
    return reached(async () => {
      const manager = await jetstreamManager(connection, { timeout: options.timeoutMs });
      if (!(await exists(manager.streams.info(MISMATCH_STREAM))))
        await manager.streams.add(configOf(options));
      return new MismatchStore(jetstream(connection, { timeout: options.timeoutMs }));
    });
  }

  /** Keeps a mismatch. @throws BANYAN_CONTROL_UNREACHABLE */
  put(mismatch: Mismatch): Promise<void> {
    const data = JSON.stringify(mismatch);
    return reached(async () => {
      const first = firstSubject(mismatch.edge, mismatch.group);
      if (await this.#isFirst(first, data)) return;
      await this.#jetstream.publish(latestSubject(mismatch.edge), data);
    });
  }

  /**
   * All that are kept, oldest first.
   *
   * @param edge only of this one
   */
  list(edge?: string): Promise<Mismatch[]> {
    const subjects = edge === undefined ? [`${SUBJECT}.>`] : [firstSubject(edge, '*'), latestSubject(edge)];
    return reached(async () => {
      const consumer = await this.#jetstream.consumers.get(MISMATCH_STREAM, { filter_subjects: subjects });
      const { num_pending: pending } = await consumer.info();
      const found: Mismatch[] = [];
      if (pending === 0) return found;
      for await (const message of await consumer.fetch({ max_messages: pending, expires: 5_000 })) {
        const mismatch = decodeMismatch(message.string());
        if (mismatch !== undefined) found.push(mismatch);
        if (message.info.pending === 0) break;
      }
      return found.sort((a, b) => a.at.localeCompare(b.at));
    });
  }

  /** The one with an id, if it is still kept. */
  async find(id: string): Promise<Mismatch | undefined> {
    return (await this.list()).find((each) => each.id === id);
  }

  /** Puts it down as the first of its group; false: there is one. */
  async #isFirst(subject: string, data: string): Promise<boolean> {
    try {
      await this.#jetstream.publish(subject, data, { expect: { lastSubjectSequence: 0 } });
      return true;
    } catch (error) {
      if (error instanceof JetStreamApiError && LOST_RACE.has(error.code)) return false;
      throw error;
    }
  }
}

const SUBJECT = 'banyan.mismatch';
const LOST_RACE: ReadonlySet<number> = new Set([
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
]);

const firstSubject = (edge: string, group: string): string =>
  `${SUBJECT}.first.${parseEdge(edge).key}.${group}`;
const latestSubject = (edge: string): string => `${SUBJECT}.latest.${parseEdge(edge).key}`;

function configOf(options: Required<MismatchStoreOptions>) {
  return {
    name: MISMATCH_STREAM,
    description: 'Counterexamples of Banyan’s comparisons',
    subjects: [`${SUBJECT}.>`],
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: options.perEdge,
    max_msg_size: MISMATCH_MAX_BYTES,
    max_bytes: options.maxBytes,
    max_age: nanos(options.maxAgeMs),
    num_replicas: options.replicas,
  };
}

async function exists(info: Promise<unknown>): Promise<boolean> {
  try {
    await info;
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return false;
    throw error;
  }
}

async function reached<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new BanyanError(
      'BANYAN_CONTROL_UNREACHABLE',
      `the stream ${MISMATCH_STREAM}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
