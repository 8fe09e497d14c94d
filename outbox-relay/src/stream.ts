import {
  isRecentNatsServer,
  LARGEST_MESSAGE_BYTES,
  OLDEST_NATS_SERVER,
  streamFaults,
  streamOf,
  subjectsOf,
} from '@banyan/contracts';
import { BanyanError, type Logger } from '@banyan/runtime';
import {
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type NextMsgRequest,
  type SeqMsgRequest,
  type StoredMsg,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';

const STREAM_NOT_FOUND = 10059;

/** Refuses a server that is too old, or whose limits are below what `banyan.emit` lets through. */
export function checkServer(connection: NatsConnection): void {
  const info = connection.info;
  if (!isRecentNatsServer(info?.version ?? '')) {
    const needed = OLDEST_NATS_SERVER.join('.');
    throw new BanyanError(
      'BANYAN_NATS_UNSUPPORTED',
      `nats-server ${info?.version ?? '?'} is older than ${needed}`,
    );
  }
  if (info?.headers !== true || info.max_payload < LARGEST_MESSAGE_BYTES) {
    throw new BanyanError(
      'BANYAN_NATS_UNSUPPORTED',
      `max_payload is ${info?.max_payload ?? '?'}, events need at least ${LARGEST_MESSAGE_BYTES} (and headers enabled)`,
    );
  }
}

/** Opens JetStream's management API. @throws BanyanError BANYAN_NATS_UNSUPPORTED if the server or account has none */
export async function openManager(connection: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection);
  } catch (error) {
    // Anything else, such as a time-out, passes: the broker may be starting, or be without a leader.
    if (!isNotEnabled(error)) throw error;
    throw new BanyanError('BANYAN_NATS_UNSUPPORTED', 'JetStream does not answer on this server or account', {
      cause: error,
    });
  }
}

/** nats.js does not export the class of this error. */
function isNotEnabled(error: unknown): boolean {
  return error instanceof Error && error.constructor.name === 'JetStreamNotEnabled';
}

/** The source's stream, from its leader; undefined if there is none. */
export async function readStream(manager: JetStreamManager, source: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(streamOf(source));
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined;
    throw error;
  }
}

/** The first message of a stream at or after a sequence, from its leader; null if there is none. */
export function messageFrom(
  manager: JetStreamManager,
  stream: string,
  sequence: number,
): Promise<StoredMsg | null> {
  // The client's type of this call lacks the combination, which servers have had since 2.9.
  const query: SeqMsgRequest & NextMsgRequest = { seq: sequence, next_by_subj: '>' };
  return manager.streams.getMessage(stream, query);
}

export interface FindStreamOptions {
  source: string;
  /** Copies of a stream that has to be made. */
  replicas: number;
  /** What is known to have been acknowledged by it. */
  ackedN: number;
  logger: Logger;
}

/** The source's stream, which is made if there is none. @throws BanyanError BANYAN_STREAM_CONFIG */
export async function findStream(manager: JetStreamManager, options: FindStreamOptions): Promise<StreamInfo> {
  const { source, replicas, ackedN, logger } = options;
  const found = await readStream(manager, source);
  if (found !== undefined) {
    checkStream(found.config, source);
    return found;
  }
  const what = ackedN === 0 ? 'creating the stream' : 'the stream is gone: creating it again';
  logger.warn(what, { source, ackedN });
  return createStream(manager, source, replicas);
}

/** Creates the source's stream: files, kept by limits, and nobody may delete or purge. */
export function createStream(
  manager: JetStreamManager,
  source: string,
  replicas: number,
): Promise<StreamInfo> {
  return manager.streams.add({
    name: streamOf(source),
    subjects: [subjectsOf(source)],
    description: `Events of ${source}, written by its relay only`,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    deny_delete: true,
    deny_purge: true,
  });
}

/** Refuses a stream whose configuration would break a promise. The relay corrects nothing by itself. */
export function checkStream(config: StreamConfig, source: string): void {
  const wrong = streamFaults(config, source);
  if (wrong.length === 0) return;
  throw new BanyanError('BANYAN_STREAM_CONFIG', `stream ${config.name}: ${wrong.join('; ')}`);
}
