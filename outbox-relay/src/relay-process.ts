import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { Logger } from '@banyan/runtime';
import { pino } from 'pino';
import { OperationsServer } from './operations-server.js';
import type { ProcessSettings } from './process-settings.js';
import { observeRelay } from './relay-metrics.js';
import { Relay } from './relay.js';
import { Watch } from './watch.js';

/** The relay as a process of its own: logs as JSON lines on stderr, reports over NATS, metrics and health over HTTP. */
export class RelayProcess {
  readonly #relay: Relay;
  readonly #logger: Logger;
  readonly #watch: Watch;
  readonly #exporter = new PrometheusExporter({ preventServerStart: true });
  readonly #meters = new MeterProvider({ readers: [this.#exporter] });
  #server: OperationsServer | undefined;

  private constructor(settings: ProcessSettings) {
    const { sources, natsUrl, maxUnsentAgeMs } = settings;
    this.#logger = jsonLogger(settings.logLevel);
    this.#relay = new Relay(sources.map((source) => ({ ...source, logger: this.#logger })));
    observeRelay(this.#relay, this.#meters.getMeter('banyan-relay'));
    this.#watch = new Watch({
      natsUrl,
      maxUnsentAgeMs,
      sources: this.#relay.status.map(({ source }) => source),
      status: () => this.#relay.status,
    });
  }

  /** @throws BanyanError for settings that do not do; nothing is published then */
  static async start(settings: ProcessSettings): Promise<RelayProcess> {
    const started = new RelayProcess(settings);
    try {
      if (settings.http !== undefined) started.#server = await started.#serve(settings.http);
    } catch (error) {
      await started.stop();
      throw error;
    }
    started.#relay.start();
    return started;
  }

  /** Where metrics and health are served; undefined: nowhere. */
  get http(): string | undefined {
    return this.#server?.address;
  }

  /** What was sent is acknowledged before it ends. */
  async stop(): Promise<void> {
    this.#logger.info('draining');
    await this.#relay.stop();
    await this.#server?.close();
    await Promise.all([this.#watch.close(), this.#meters.shutdown()]);
  }

  #serve(address: string): Promise<OperationsServer> {
    return OperationsServer.listen({
      address,
      status: () => this.#relay.status,
      flow: () => this.#watch.flow,
      metrics: (request, response) => this.#exporter.getMetricsRequestHandler(request, response),
    });
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
