import { messageOf, type Logger, type Wakeup } from '@banyan/runtime';
import pgListen from 'pg-listen';
import { schemaOf } from './shard.js';

/** Listens for the NOTIFY of a shard's writers on a connection of its own, and rings the wake-up. It lives as long as one leadership. */
export class Listener {
  readonly #subscriber: ReturnType<typeof pgListen.default>;
  readonly #logger: Logger;
  #failure: Error | undefined;

  private constructor(databaseUrl: string, application: string, logger: Logger) {
    this.#logger = logger;
    // retryLimit 1 means: report a lost connection at once. The relay then opens everything anew; pg-listen's own
    // reconnecting could not be stopped while it goes on.
    this.#subscriber = pgListen.default(
      { connectionString: databaseUrl, application_name: application },
      { retryLimit: 1, paranoidChecking: 5000 },
    );
  }

  static async open(
    databaseUrl: string,
    application: string,
    options: { shard: number; wakeup: Wakeup; logger: Logger },
  ): Promise<Listener> {
    const { shard, wakeup, logger } = options;
    const channel = `${schemaOf(shard)}.outbox`;
    const listener = new Listener(databaseUrl, application, logger);
    listener.#subscriber.notifications.on(channel, () => wakeup.ring());
    listener.#subscriber.events.on('error', (error) => {
      listener.#failure = error;
      wakeup.ring();
    });
    await listener.#subscriber.connect();
    await listener.#subscriber.listenTo(channel);
    return listener;
  }

  /** Throws if the connection was lost: writers' notifications may have been missed since. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async close(): Promise<void> {
    try {
      await this.#subscriber.close();
    } catch (error) {
      this.#logger.debug('closing the listening connection failed', { error: messageOf(error) });
    }
  }
}
