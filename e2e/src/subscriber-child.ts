import { defineEvent } from '@banyan/contracts';
import { on, subscriber } from '@banyan/subscriber';
import { connect } from '@nats-io/transport-node';

/** What the child is told in its one argument, as JSON. */
export interface ChildConfig {
  source: string;
  databaseUrl: string;
  natsUrl: string;
  leaseMs: number;
}

/** A subscriber as a process of its own, for tests that kill and freeze it: notes each event in the table `applied`. */
async function run({ source, databaseUrl, natsUrl, leaseMs }: ChildConfig): Promise<void> {
  const renamed = defineEvent<Uint8Array>({
    source,
    aggregate: 'project',
    type: 'ProjectRenamed',
    codec: { encode: (data) => ({ finish: () => data }), decode: (data) => data },
    key: () => 'unused',
    version: () => 1,
  });
  const handler = on(renamed, async (tx, _data, { position, id }) => {
    await tx.query('insert into applied (event_n, key) values ($1, $2)', [position.split('.')[1], id]);
  });
  const nats = await connect({ servers: natsUrl });
  const running = subscriber({
    name: 'child',
    sources: [source],
    databaseUrl,
    nats,
    handlers: [handler],
    batchEvents: 20,
    leaseMs,
  });
  running.start();
  process.on('message', () => process.send?.(running.status));
  process.send?.('ready');
}

await run(JSON.parse(process.argv[2] ?? '{}') as ChildConfig);
