import type { NatsConnection } from '@nats-io/nats-core';
import type { BrokerState } from '../wire.js';

/** Whether the broker is there, as the process's connection to it tells. States: not yet → connected ⇄ away. */
export class BrokerView {
  #connection: NatsConnection | undefined;
  #isConnected = false;
  #departures = 0;
  #server = '';
  readonly #listeners = new Set<() => void>();

  constructor(opened: Promise<NatsConnection>) {
    // Never settles if the process stops before the broker was there.
    void opened.then((connection) => this.#follow(connection));
  }

  /** Undefined while it is away: what is asked then would wait, and fail. */
  get connection(): NatsConnection | undefined {
    return this.#isConnected ? this.#connection : undefined;
  }

  get state(): BrokerState {
    const url = this.#connection?.getServer() ?? '';
    return {
      connected: this.#isConnected,
      url: url.replace(/^(\w+:\/\/)?[^@/]*@/, '$1'),
      server: this.#server,
    };
  }

  /** How often it went: what was asked before and heard after is not of everybody. */
  get departures(): number {
    return this.#departures;
  }

  /** Tells when it comes (back). */
  onConnected(listener: () => void): void {
    this.#listeners.add(listener);
    if (this.#isConnected) listener();
  }

  async #follow(connection: NatsConnection): Promise<void> {
    this.#connection = connection;
    this.#connected(connection);
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' || type === 'close') this.#away();
      if (type === 'reconnect') this.#connected(connection);
    }
    this.#away();
  }

  #away(): void {
    this.#isConnected = false;
    this.#departures += 1;
  }

  #connected({ info }: NatsConnection): void {
    this.#isConnected = true;
    this.#server = info === undefined ? '' : `${info.server_name} ${info.version}`;
    for (const tell of this.#listeners) tell();
  }
}
