import { Backfiller } from '@banyan/outbox';
import type { Logger } from '@banyan/runtime';
import { connect } from '@nats-io/transport-node';
import { taskSnapshots } from './task-snapshots.js';

/** Backfills tasks when asked; the process runs without the broker too. Returns what stops it. */
export function startBackfiller(options: {
  natsUrl: string;
  databaseUrl: string;
  logger: Logger;
}): () => Promise<void> {
  const { natsUrl, databaseUrl, logger } = options;
  const nats = connect({
    servers: natsUrl.split(','),
    name: 'tasks backfill',
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
  });
  const backfiller = new Backfiller({
    source: 'tasks',
    databaseUrl,
    nats,
    snapshots: [taskSnapshots],
    logger,
  });
  backfiller.start();
  return async () => {
    await backfiller.stop();
    // Not awaited: while NATS is away it has not connected yet.
    nats.then((connection) => connection.close()).catch(() => undefined);
  };
}
