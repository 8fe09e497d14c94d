import { messageOf, type Logger } from '@banyan/runtime';
import pg from 'pg';

/** Advisory lock of a subscriber's active instance: (this, hash of its name and source). */
const LOCK_CLASS = 6219;

const TRY_ACTIVATE = `select pg_try_advisory_lock(${LOCK_CLASS}, hashtext($1)) as active`;

/** A subscriber's one connection: it holds the lock of the active instance, and its transactions apply the events. */
export class Session {
  readonly client: pg.Client;
  readonly #logger: Logger;
  #failure: Error | undefined;

  private constructor(client: pg.Client, logger: Logger) {
    this.client = client;
    this.#logger = logger;
    client.on('error', (error) => (this.#failure ??= error));
  }

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

  /** Tries to become the active instance; false if another one is. Its row lock, not this, keeps two from applying. */
  async tryActivate(key: string): Promise<boolean> {
    const { rows } = await this.client.query<{ active: boolean }>(TRY_ACTIVATE, [key]);
    return rows[0]?.active === true;
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
