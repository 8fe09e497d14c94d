import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Client } from 'pg';
import {
  createReplicationSegmentMutexConcurrencyController,
  DatabaseSetup,
  getDisabledLogger,
  initializePollingMessageListener,
  initializeReplicationMessageListener,
  type GeneralMessageHandler,
} from 'pg-transactional-outbox';

/** The library's two ways of finding messages. */
export type TransactionalOutboxKind = 'outbox-polling' | 'outbox-replication';

const TABLE = { outboxOrInbox: 'outbox', schema: 'peer', table: 'outbox', listenerRole: 'postgres' } as const;
const NEXT_MESSAGES = 'next_outbox_messages';
const PUBLICATION = 'peer_outbox';

/** Rows fetched, and so published at a time. Its default of 5 would be slower. */
const BATCH = 100;

/** What it takes to reach a latency of a few ms, as with the other peer. */
const POLL_MS = 5;

/** How many rows its outbox still has to send. */
export const REMAINING = `select count(*) as n from peer.outbox where processed_at is null`;

/** Makes the library's own table, with what the given listener needs, and fills it with messages over 1,000 keys. */
export async function fillTransactionalOutbox(
  client: Client,
  { kind, database, events }: { kind: TransactionalOutboxKind; database: string; events: number },
): Promise<void> {
  const config = { ...TABLE, database };
  await client.query(DatabaseSetup.dropAndCreateTable(config));
  if (kind === 'outbox-polling') {
    const polling = { ...config, nextMessagesName: NEXT_MESSAGES };
    await client.query(DatabaseSetup.createPollingFunction(polling));
    await client.query(DatabaseSetup.setupPollingIndexes(polling));
  } else {
    const replicationSlot = slotOf(database);
    const replication = { ...config, publication: PUBLICATION, replicationSlot };
    await client.query(DatabaseSetup.setupReplicationCore(replication));
    await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [replicationSlot]);
  }
  await client.query(FILL, [events]);
  await client.query('analyze peer.outbox');
}

// Its payload is JSON; the same 256 bytes as elsewhere, in base64.
const FILL = `
insert into peer.outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
select gen_random_uuid(), 'project', 'p' || i % 1000, 'ProjectRenamed', 'p' || i % 1000,
  jsonb_build_object('data', encode(decode(repeat('ab', 256), 'hex'), 'base64'))
from generate_series(1, $1::int) i`;

/** A slot belongs to the whole server, so it is named after its database. */
export function slotOf(database: string): string {
  return `peer_${database}`;
}

/**
 * `pg-transactional-outbox` with a handler that publishes and awaits: messages of one key in order, of different keys at the
 * same time. At least once: what was published before a crash and not yet marked is published again.
 */
export async function runTransactionalOutbox(
  kind: TransactionalOutboxKind,
  databaseUrl: string,
  natsUrl: string,
): Promise<void> {
  const stream = jetstream(await connect({ servers: natsUrl }));
  const handler: GeneralMessageHandler = {
    handle: async ({ id, payload }) => {
      await stream.publish('evt.peer.project.ProjectRenamed.07', JSON.stringify(payload), { msgID: id });
    },
  };
  const listener = { outboxOrInbox: 'outbox', dbListenerConfig: { connectionString: databaseUrl } } as const;
  const settings = {
    ...{ dbSchema: TABLE.schema, dbTable: TABLE.table, messageCleanupIntervalInMs: 0 },
    // As its documentation has it for an outbox.
    ...{ enablePoisonousMessageProtection: false, enableMaxAttemptsProtection: false },
  };
  const logger = getDisabledLogger();
  if (kind === 'outbox-polling') {
    const polling = {
      nextMessagesFunctionName: NEXT_MESSAGES,
      nextMessagesFunctionSchema: TABLE.schema,
      nextMessagesBatchSize: BATCH,
      nextMessagesPollingIntervalInMs: POLL_MS,
    };
    // By itself it would begin with as many batches of one.
    const strategies = { batchSizeStrategy: () => Promise.resolve(BATCH) };
    initializePollingMessageListener(
      { ...listener, settings: { ...settings, ...polling } },
      handler,
      logger,
      strategies,
    );
    return;
  }
  const dbReplicationSlot = slotOf(new URL(databaseUrl).pathname.slice(1));
  const replication = { dbPublication: PUBLICATION, dbReplicationSlot };
  initializeReplicationMessageListener(
    { ...listener, settings: { ...settings, ...replication } },
    handler,
    logger,
    {
      concurrencyStrategy: createReplicationSegmentMutexConcurrencyController(),
    },
  );
}
