import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlagStore, planFlag, type WantedFlag } from '@banyan/control';
import { wait } from '@banyan/runtime';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { GatewayConfig } from '../gateway-options.js';
import { startGateway, type Gateway } from '../gateway.js';
import type { LiveOptions } from '../live/live-options.js';
import { TestStreams } from './test-streams.js';

/** Small bounds, so that a test gets to them; patience, so that a busy machine is not taken for a source that is silent. */
const LIVE: Partial<LiveOptions> = {
  ...{ unflagged: 'push', positionMs: 50, heartbeatMs: 60_000, ringBytes: 1_000_000 },
  ...{ maxBufferedBytes: 20_000, maxSubscriptions: 5, maxResumeEvents: 500, stalledAfterMs: 60_000 },
  mayWatch: ({ resource }) => resource !== 'task/secret',
};

interface Broker {
  url: string;
  stop: () => Promise<void>;
}

/** A broker with the streams of the three sources, and gateways before it, with no service behind them. */
export class LiveGround {
  readonly connection: NatsConnection;
  readonly streams: TestStreams;
  readonly #folder: string;
  readonly #broker: Broker;

  private constructor(
    parts: Pick<LiveGround, 'connection' | 'streams'> & { folder: string; broker: Broker },
  ) {
    this.connection = parts.connection;
    this.streams = parts.streams;
    this.#folder = parts.folder;
    this.#broker = parts.broker;
  }

  /** @param startBroker starts one with its files in a folder */
  static async start(startBroker: (dir: string) => Promise<Broker>): Promise<LiveGround> {
    const folder = await mkdtemp(join(tmpdir(), 'banyan-live-'));
    const broker = await startBroker(join(folder, 'nats'));
    const connection = await connect({ servers: broker.url });
    const streams = await TestStreams.create(connection, ['teams', 'projects', 'tasks']);
    return new LiveGround({ folder, broker, connection, streams });
  }

  /** Starts a gateway; resolves once events flow to it. */
  async startGateway(live: Partial<LiveOptions> = {}, more: Partial<GatewayConfig> = {}): Promise<Gateway> {
    const gateway = await startGateway({
      ...{ teamsAddress: '127.0.0.1:1', projectsAddress: '127.0.0.1:1', tasksAddress: '127.0.0.1:1' },
      ...{
        natsUrl: this.#broker.url,
        stateDir: await mkdtemp(join(this.#folder, 'state-')),
        drainMs: 500,
        rateLimit: 0,
      },
      live: { ...LIVE, ...live },
      ...more,
    });
    await untilFlowing(gateway);
    return gateway;
  }

  /** Makes or changes the flag that says how clients learn of changes. */
  async setFlag(wanted: WantedFlag): Promise<void> {
    const store = await FlagStore.open(this.connection);
    const now = await store.read('gateway.live');
    const move = planFlag('gateway.live', now, wanted);
    await store.write('gateway.live', { move, expected: now?.changeId, by: 'test', why: 'test' });
  }

  async stop(): Promise<void> {
    this.streams.stop();
    await this.connection.close();
    await this.#broker.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

interface LiveState {
  flowing: boolean;
  clients: number;
  /** How far it has read, by source. */
  positions: Partial<Record<string, string>>;
}

/** What a gateway says of its live updates. */
export async function liveStateOf({ address }: Gateway): Promise<LiveState> {
  const response = await fetch(`http://${address}/api/live`);
  return (await response.json()) as LiveState;
}

async function untilFlowing(gateway: Gateway): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!(await liveStateOf(gateway)).flowing) {
    if (performance.now() > deadlineMs) throw new Error('no events flow to the gateway');
    await wait(20);
  }
}
