import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '@banyan/runtime';
import { pino } from 'pino';
import { FlowMonitor } from './flow-monitor.js';
import { OperationsServer } from './operations-server.js';
import type { ProcessSettings } from './process-settings.js';
import { observeRelay } from './relay-metrics.js';
import { Relay } from './relay.js';

/** The relay as a process of its own: logs as JSON lines on stderr, metrics and health over HTTP. */
export class RelayProcess {
  readonly #relay: Relay;
  readonly #logger: Logger;
  readonly #operations: Operations | undefined;

  private constructor(relay: Relay, logger: Logger, operations: Operations | undefined) {
    this.#relay = relay;
    this.#logger = logger;
    this.#operations = operations;
  }

  /** @throws BanyanError for settings that do not do, before anything is opened */
  static async start(settings: ProcessSettings): Promise<RelayProcess> {
    const logger = jsonLogger(settings.logLevel);
    const relay = new Relay(settings.sources.map((source) => ({ ...source, logger })));
    const operations =
      settings.http === undefined ? undefined : await Operations.open(settings.http, relay, settings);
    relay.start();
    return new RelayProcess(relay, logger, operations);
  }

  /** Where metrics and health are served; undefined: nowhere. */
  get http(): string | undefined {
    return this.#operations?.address;
  }

  /** What was sent is acknowledged before it ends. */
  async stop(): Promise<void> {
    this.#logger.info('draining');
    await this.#relay.stop();
    await this.#operations?.close();
  }
}

/** What watches the relay from outside: its own connection to NATS, and the HTTP server. */
class Operations {
  readonly #server: OperationsServer;
  readonly #meters: MeterProvider;
  readonly #nats: Promise<NatsConnection>;
  #connection: NatsConnection | undefined;

  private constructor(server: OperationsServer, meters: MeterProvider, nats: Promise<NatsConnection>) {
    this.#server = server;
    this.#meters = meters;
    this.#nats = nats;
  }

  /** Serves at once, also while the broker is not there: not ready is what it then has to say. */
  static async open(http: string, relay: Relay, settings: ProcessSettings): Promise<Operations> {
    const exporter = new PrometheusExporter({ preventServerStart: true });
    const meters = new MeterProvider({ readers: [exporter] });
    observeRelay(relay, meters.getMeter('banyan-relay'));
    const { sources, natsUrl, maxUnsentAgeMs } = settings;
    const monitors = sources.map(({ source }) => new FlowMonitor(source, { maxUnsentAgeMs }));
    const server = await OperationsServer.listen({
      address: http,
      status: () => relay.status,
      flow: () => monitors.map(({ status }) => status),
      metrics: (request, response) => exporter.getMetricsRequestHandler(request, response),
    });
    const nats = connect({
      servers: natsUrl.split(','),
      name: 'banyan-relay monitor',
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
    });
    const operations = new Operations(server, meters, nats);
    void operations.#listen(monitors);
    return operations;
  }

  get address(): string {
    return this.#server.address;
  }

  async close(): Promise<void> {
    await this.#server.close();
    await this.#meters.shutdown();
    await this.#connection?.close();
  }

  async #listen(monitors: readonly FlowMonitor[]): Promise<void> {
    this.#connection = await this.#nats;
    for (const monitor of monitors) monitor.listen(this.#connection);
  }
}

function jsonLogger(level: string): Logger {
  const log = pino({ level, base: { part: 'relay' } }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}
