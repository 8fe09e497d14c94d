import { EdgeProcess, trigger } from '@banyan/edge';
import { silentLogger } from '@banyan/runtime';
import { openPool, serve, unaryService } from '@banyan/service-host';
import { reactMethod, touchedEvent, type ReactionChildConfig } from './stage.js';

/** Notes each effect in the ledger, which takes the same one any number of times: nothing but the library keeps it to one. */
async function run({
  source,
  edge,
  databaseUrl,
  natsUrl,
  grpc,
  stateDir,
}: ReactionChildConfig): Promise<void> {
  const edges = new EdgeProcess({ service: 'receiver', natsUrl, stateDir, databaseUrl, readyTimeoutMs: 0 });
  const pool = openPool(databaseUrl, silentLogger);
  const receiving = edges.receiver({
    edge,
    method: reactMethod,
    triggers: [trigger(touchedEvent(source), (data) => data)],
    pool,
    // The stage flips all the time here: calls would never be taken again, and order is not what is tried.
    drainMs: 0,
    effect: async (tx, request, { eventId, via }) => {
      await tx.query('insert into ledger (event_id, via) values ($1, $2)', [eventId, via]);
      return request;
    },
  });
  edges.react({ name: 'receiver', sources: [source], receivers: [receiving], leaseMs: 1_000 });
  await edges.start();
  const service = unaryService({ react: reactMethod }, { react: receiving.method });
  await serve({ name: 'receiver', address: grpc, services: [service] });
  process.send?.('ready');
}

await run(JSON.parse(process.argv[2] ?? '{}') as ReactionChildConfig);
