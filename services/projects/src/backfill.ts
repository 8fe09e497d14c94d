import { Backfiller } from '@banyan/outbox';
import type { Logger } from '@banyan/runtime';
import { connect } from '@nats-io/transport-node';
import { projectSnapshots } from './project-snapshots.js';

/** Backfills projects when asked; the process runs without the broker too. Returns what stops it. */
export function startBackfiller(options: {
  natsUrl: string;
  databaseUrl: string;
  logger: Logger;
}): () => Promise<void> {
  const { natsUrl, databaseUrl, logger } = options;
  const nats = connect({
    servers: natsUrl.split(','),
    name: 'projects backfill',
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
  });
  const backfiller = new Backfiller({
    source: 'projects',
    databaseUrl,
    nats,
    snapshots: [projectSnapshots],
    logger,
  });
  backfiller.start();
  return async () => {
    await backfiller.stop();
    // Not awaited: while NATS is away it has not connected yet.
    nats.then((connection) => connection.close()).catch(() => undefined);
  };
}
