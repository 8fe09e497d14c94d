import { StageWatch, Reporter } from '@banyan/control';
import { BrokerConnection } from '@banyan/edge';
import { BanyanError, messageOf } from '@banyan/runtime';
import type { FastifyInstance } from 'fastify';
import { gatewayApp } from './app.js';
import { Connections } from './guards/connections.js';
import { resolveGatewayOptions, type GatewayConfig, type GatewayOptions } from './gateway-options.js';
import { LiveHub } from './live/live-hub.js';
import { resolveLiveOptions, type LiveOptions } from './live/live-options.js';
import { ServiceClients } from './service-clients.js';

/** A gateway that serves. */
export interface Gateway {
  readonly protocol: 'http';
  /** Where it listens: host:port. */
  readonly address: string;
  /**
   * Takes no more requests, waits for those under way (at most `drainMs`), closes sockets with 1001 and ends. Stopping twice
   * is legal.
   */
  stop: () => Promise<void>;
}

/**
 * Starts a gateway. The services and the broker may be away: it serves what it can, and says so in `/readyz`.
 *
 * @returns once it listens
 * @throws BanyanError BANYAN_OPTION_INVALID, also if it cannot listen on the address; BANYAN_OPTION_UNKNOWN
 */
export async function startGateway(config: GatewayConfig): Promise<Gateway> {
  const gateway = new RunningGateway(resolveGatewayOptions(config));
  try {
    await gateway.listen();
    return gateway;
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** Made → listening → stopped. */
class RunningGateway implements Gateway {
  readonly protocol = 'http';
  readonly #options: GatewayOptions;
  readonly #clients: ServiceClients;
  readonly #broker: BrokerConnection;
  readonly #stages: StageWatch;
  readonly #reporter: Reporter;
  readonly #live: LiveOptions;
  readonly #hub: LiveHub;
  #app: FastifyInstance | undefined;
  #connections: Connections | undefined;
  #address = '';
  #stopped: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    const { natsUrl, stateDir, logger } = options;
    this.#options = options;
    this.#live = resolveLiveOptions(options.live);
    this.#clients = new ServiceClients(options);
    this.#broker = new BrokerConnection({ name: 'gateway', servers: natsUrl.split(',') }, logger);
    const connection = this.#broker.opened;
    this.#stages = new StageWatch({ connection, stateDir, logger });
    this.#reporter = new Reporter({
      ...{ connection, service: 'gateway', edges: [], flags: this.#stages.flags, logger },
    });
    this.#hub = new LiveHub({ nats: connection, flags: this.#stages.flags, live: this.#live, logger });
  }

  get address(): string {
    return this.#address;
  }

  async listen(): Promise<void> {
    this.#app = await gatewayApp({
      options: this.#options,
      clients: this.#clients,
      nats: this.#broker.opened,
      stages: this.#stages,
      hub: this.#hub,
      live: this.#live,
      isStopping: () => this.#stopped !== undefined,
    });
    this.#broker.start();
    this.#stages.start();
    void this.#reporter.start();
    this.#hub.start();
    this.#connections = new Connections(this.#app.server);
    this.#address = await listening(this.#app, this.#options.address);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#hub.stop();
    await this.#closeApp();
    this.#reporter.stop();
    await this.#stages.stop();
    await this.#broker.close();
    this.#clients.close();
  }

  async #closeApp(): Promise<void> {
    const app = this.#app;
    if (app === undefined) return;
    const { drainMs, logger } = this.#options;
    const overdue = setTimeout(() => {
      logger.warn('requests cut off', { drainMs });
      this.#connections?.destroyAll();
    }, drainMs);
    await app.close();
    clearTimeout(overdue);
  }
}

async function listening(app: FastifyInstance, address: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  try {
    const url = await app.listen({ host, port });
    return new URL(url).host;
  } catch (cause) {
    const message = `cannot listen on ${address}: ${messageOf(cause)}`;
    throw new BanyanError('BANYAN_OPTION_INVALID', message, { cause });
  }
}
