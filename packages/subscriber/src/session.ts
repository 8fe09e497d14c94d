import { messageOf, type Logger } from '@banyan/runtime';
import pg from 'pg';

/** One connection to the subscriber's database, and whether it still holds. */
export class Session {
  readonly client: pg.Client;
  readonly #logger: Logger;
  #failure: Error | undefined;

  private constructor(client: pg.Client, logger: Logger) {
    this.client = client;
    this.#logger = logger;
    client.on('error', (error) => (this.#failure ??= error));
  }

  /** @param application what the database shows of the connection; an instance's connections are found by it */
  static async open(databaseUrl: string, application: string, logger: Logger): Promise<Session> {
    const client = new pg.Client({
      connectionString: databaseUrl,
      application_name: application,
      keepAlive: true,
      connectionTimeoutMillis: 5000,
    });
    const session = new Session(client, logger);
    await client.connect();
    return session;
  }

  get isBroken(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws if the connection broke. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    try {
      await this.client.end();
    } catch (error) {
      this.#logger.debug('closing the database connection failed', { error: messageOf(error) });
    }
  }
}
