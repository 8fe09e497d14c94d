import { join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { wait } from '@banyan/runtime';
import { startNats, type NatsServer } from '../nats/server.js';
import { freePort } from '../process/port.js';

const READY_TIMEOUT_MS = 30_000;

/** Some NATS servers that are one cluster, with JetStream. */
export class NatsCluster {
  readonly servers: readonly NatsServer[];

  constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** All addresses, comma-separated. */
  get url(): string {
    return this.servers.map(({ url }) => url).join(',');
  }

  get serverVersion(): string {
    return this.servers[0]?.serverVersion ?? '';
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

/** Starts so many servers of one's own that form a cluster, and waits until they have elected who keeps JetStream's book. */
export async function startNatsCluster(options: { dir: string; nodes: number }): Promise<NatsCluster> {
  const ports: number[] = [];
  for (let node = 0; node < options.nodes; node++) ports.push(await freePort());
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ');
  const servers = ports.map((port, node) =>
    startNats({
      dir: join(options.dir, `node${node}`),
      own: true,
      config: `cluster { name: banyan, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
    }),
  );
  const cluster = new NatsCluster(await Promise.all(servers));
  await untilElected(cluster);
  return cluster;
}

async function untilElected(cluster: NatsCluster): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  const connection = await connect({ servers: cluster.url.split(',') });
  try {
    for (;;) {
      const answer = await connection.request('$JS.API.INFO', '', { timeout: 1000 }).catch(() => undefined);
      const error = answer?.json<{ error?: unknown }>().error;
      if (answer !== undefined && error === undefined) return;
      if (performance.now() > deadline) throw new Error(`no leader in ${READY_TIMEOUT_MS} ms`);
      await wait(100);
    }
  } finally {
    await connection.close();
  }
}
