import { backoffDelayMs, messageOf, wait, type Logger } from '@banyan/runtime';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

const BACKOFF = { firstMs: 100, maxMs: 1_000 };

/**
 * A process's one NATS connection, opened in the background. States: trying → open (from then on the client reconnects by
 * itself) → closed. Who waits for nothing here starts, serves and stops without the broker.
 */
export class BrokerConnection {
  /** Never settles if it is closed before the broker was there. */
  readonly opened: Promise<NatsConnection>;
  readonly #options: NodeConnectionOptions;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  #tell: (connection: NatsConnection) => void = () => undefined;
  #connection: NatsConnection | undefined;
  #done: Promise<void> | undefined;

  /** @param options all that `connect` takes: servers, credentials, TLS, name */
  constructor(options: NodeConnectionOptions, logger: Logger) {
    this.#options = {
      reconnectTimeWait: 250,
      timeout: 5_000,
      ...options,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: false,
    };
    this.#logger = logger;
    this.opened = new Promise((resolve) => (this.#tell = resolve));
  }

  start(): void {
    this.#done ??= this.#run();
  }

  /** Closing twice, or before starting, is legal. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    await this.#connection?.close();
  }

  /** Tries here and not inside `connect`: what waits in there for the first connection cannot be stopped. */
  async #run(): Promise<void> {
    const { signal } = this.#abort;
    for (let failures = 0; this.#connection === undefined && !signal.aborted; failures++) {
      try {
        this.#connection = await connect(this.#options);
        this.#tell(this.#connection);
      } catch (error) {
        this.#logger[failures === 0 ? 'warn' : 'debug']('the broker is away', { error: messageOf(error) });
        await wait(backoffDelayMs(failures, BACKOFF), signal);
      }
    }
  }
}
