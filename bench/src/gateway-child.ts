// A gateway in a process of its own that says on request how much memory it holds. Forked by the case `push`, with --expose-gc.
import { startGateway } from '@banyan/service-gateway';

/** What the child is told in its one argument, as JSON. */
export interface GatewayChildConfig {
  natsUrl: string;
  stateDir: string;
}

/** Bytes, after the collector has run. */
export interface GatewayMemory {
  rss: number;
  heap: number;
}

const { natsUrl, stateDir } = JSON.parse(process.argv[2] ?? '{}') as GatewayChildConfig;
const nowhere = '127.0.0.1:1';
const gateway = await startGateway({
  ...{ teamsAddress: nowhere, projectsAddress: nowhere, tasksAddress: nowhere },
  ...{ natsUrl, stateDir, live: { unflagged: 'push' } },
});

process.on('message', () => {
  global.gc?.();
  const { rss, heapUsed: heap } = process.memoryUsage();
  process.send?.({ rss, heap });
});
process.on('disconnect', () => process.exit(0));
process.send?.(gateway.address);
