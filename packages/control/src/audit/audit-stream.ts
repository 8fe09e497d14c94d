import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { STAGE_BUCKET } from '../bucket/stage-bucket.js';
import { AUDIT_SUBJECTS } from './audit-entry.js';

export const AUDIT_STREAM = 'banyan_audit';

/** What the stream is made with. */
export interface AuditStreamSettings {
  maxBytes: number;
  /** Undefined: as many as the stage bucket has. */
  replicas: number | undefined;
  timeoutMs: number;
}

/** What lay in the stage bucket when the stream was made: more than nothing means that entries are missing. */
export interface MadeStream {
  earlierRecords: number;
}

/**
 * Makes the stream. Nobody can delete or purge entries; the oldest go when it is full.
 *
 * @throws JetStreamApiError if another stream takes its subjects, or there is no room
 */
export async function makeAuditStream(
  connection: NatsConnection,
  { maxBytes, replicas, timeoutMs }: AuditStreamSettings,
): Promise<MadeStream> {
  const manager = await jetstreamManager(connection, { timeout: timeoutMs });
  const bucket = await bucketOf(manager);
  await manager.streams.add({
    name: AUDIT_STREAM,
    description: 'Who changed which edge or flag, when and why',
    subjects: [AUDIT_SUBJECTS],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: maxBytes,
    num_replicas: replicas ?? bucket?.config.num_replicas ?? 1,
    deny_delete: true,
    deny_purge: true,
  });
  return { earlierRecords: bucket?.state.messages ?? 0 };
}

type StreamInfo = Awaited<ReturnType<JetStreamManager['streams']['info']>>;

async function bucketOf(manager: JetStreamManager): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(`KV_${STAGE_BUCKET}`);
  } catch (error) {
    if (isMissingStream(error)) return undefined;
    throw error;
  }
}

export function isMissingStream(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}
