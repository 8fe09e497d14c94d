import { hostname } from 'node:os';
import { RELAY_REPORT_SUBJECT, type RelayReport } from '@banyan/contracts';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { FlowMonitor, type FlowStatus } from './flow-monitor.js';
import type { SourceRelayStatus } from './source-relay.js';

export interface WatchOptions {
  natsUrl: string;
  sources: readonly string[];
  maxUnsentAgeMs: number;
  status: () => SourceRelayStatus[];
}

/**
 * What watches a relay process from outside, over a connection to NATS of its own: whether events flow, and the report that
 * `banyan relay status` asks for. It works at once; until the broker is there, nothing is known to flow.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #monitors: FlowMonitor[];
  #connection: NatsConnection | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { maxUnsentAgeMs } = options;
    this.#monitors = options.sources.map((source) => new FlowMonitor(source, { maxUnsentAgeMs }));
    void this.#listen();
  }

  get flow(): FlowStatus[] {
    return this.#monitors.map(({ status }) => status);
  }

  get report(): RelayReport {
    const ages = new Map(this.flow.map(({ source, unsentAgeMs }) => [source, unsentAgeMs]));
    const sources = this.#options.status().map(({ because, ackedN, backlog, audit, ...rest }) => {
      const unsentAgeMs = ages.get(rest.source);
      return {
        ...rest,
        ...(because === undefined ? {} : { because }),
        ...(ackedN === undefined ? {} : { ackedN }),
        ...(backlog === undefined ? {} : { backlog }),
        ...(audit === undefined ? {} : { audit }),
        ...(unsentAgeMs === undefined ? {} : { unsentAgeMs }),
      };
    });
    return { host: hostname(), pid: process.pid, sources };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.close();
  }

  async #listen(): Promise<void> {
    const connection = await connect({
      servers: this.#options.natsUrl.split(','),
      name: 'banyan-relay watch',
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
    });
    this.#connection = connection;
    if (this.#closed) return connection.close();
    for (const monitor of this.#monitors) monitor.listen(connection);
    connection.subscribe(RELAY_REPORT_SUBJECT, {
      callback: (error, message) => {
        if (error === null) message.respond(JSON.stringify(this.report));
      },
    });
  }
}
