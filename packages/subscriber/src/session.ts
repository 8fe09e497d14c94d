import { messageOf, type Logger } from '@banyan/runtime';
import pg from 'pg';

/** How long closing a connection may take before it is broken off, in ms. */
const CLOSE_MS = 2000;

// The name is cut at 63 bytes. A process id alone may be another's by now.
const TERMINATE = `
select pg_terminate_backend(pid) from pg_stat_activity
where pid = $1 and usename = current_user and datname = current_database() and starts_with($2, application_name)`;

/** One connection to the subscriber's database, and whether it still holds. */
export class Session {
  readonly #databaseUrl: string;
  readonly #application: string;
  readonly #logger: Logger;
  #client: pg.Client;
  /** The server's process id of the connection. */
  #backend: number | undefined;
  #failure: Error | undefined;

  private constructor(databaseUrl: string, application: string, logger: Logger) {
    this.#databaseUrl = databaseUrl;
    this.#application = application;
    this.#logger = logger;
    this.#client = this.#newClient();
  }

  /** @param application what the database shows of the connection; an instance's connections are found by it */
  static async open(databaseUrl: string, application: string, logger: Logger): Promise<Session> {
    const session = new Session(databaseUrl, application, logger);
    await session.#connect();
    return session;
  }

  /** The connection as it is now: ask for it anew in each transaction. */
  get client(): pg.Client {
    return this.#client;
  }

  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws if the connection broke. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Puts another connection in place of this one, for when somebody who will not stop still has it. Ends what it left running
   * in the database: a waiting statement does not notice that its client has gone, and keeps its locks.
   */
  async renew(): Promise<void> {
    const left = this.#backend;
    this.#abort();
    this.#client = this.#newClient();
    this.#failure = undefined;
    try {
      await this.#connect();
      await this.#client.query(TERMINATE, [left, this.#application]);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
      throw error;
    }
  }

  /** Waits for what uses the connection; after so long the connection is broken, and that fails. */
  async within<T>(ms: number, work: Promise<T>): Promise<T> {
    const patience = setTimeout(() => this.#abort(), ms);
    try {
      return await work;
    } finally {
      clearTimeout(patience);
    }
  }

  async close(): Promise<void> {
    try {
      await this.within(CLOSE_MS, this.#client.end());
    } catch (error) {
      this.#logger.debug('closing the database connection failed', { error: messageOf(error) });
    }
  }

  #abort(): void {
    this.#client.connection.stream.destroy();
  }

  #newClient(): pg.Client {
    const client = new pg.Client({
      connectionString: this.#databaseUrl,
      application_name: this.#application,
      keepAlive: true,
      connectionTimeoutMillis: 5000,
    });
    client.on('error', (error) => {
      if (client === this.#client) this.#failure ??= error;
    });
    return client;
  }

  async #connect(): Promise<void> {
    await this.#client.connect();
    const { rows } = await this.#client.query<{ pid: number }>('select pg_backend_pid() as pid');
    this.#backend = rows[0]?.pid;
  }
}
