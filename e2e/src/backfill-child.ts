import { Backfiller, snapshots } from '@banyan/outbox';
import { connect } from '@nats-io/transport-node';
import { projectEvents, type Project } from './backfill-events.js';

/** What the child is told in its one argument, as JSON. */
export interface ChildConfig {
  source: string;
  databaseUrl: string;
  natsUrl: string;
  rowsPerSecond: number;
}

const READ = 'select id::text, version::integer, name from project where id = any ($1)';

/** A process of a source with projects, for tests that kill it. */
async function run({ source, databaseUrl, natsUrl, rowsPerSecond }: ChildConfig): Promise<void> {
  const projects = snapshots({
    event: projectEvents(source).snapshot,
    table: 'project',
    key: 'id',
    load: async (tx, keys) => (await tx.query<Project>(READ, [...keys])).rows,
  });
  const nats = await connect({ servers: natsUrl });
  const made = new Backfiller({
    source,
    databaseUrl,
    nats,
    snapshots: [projects],
    rowsPerSecond,
    chunkRows: 50,
    leaseMs: 500,
    pollIntervalMs: 20,
  });
  made.start();
  process.send?.('ready');
}

await run(JSON.parse(process.argv[2] ?? '{}') as ChildConfig);
