import { createClient, RESP_TYPES } from '@redis/client';
import { messageOf, type Logger } from '@banyan/runtime';
import type { Script } from './scripts.js';

export interface RedisConnectionOptions {
  url: string;
  logger: Logger;
}

/** Commands that may wait for an answer; beyond it they fail at once, as they do while there is no connection. */
const MAX_WAITING = 10_000;
const CONNECT_TIMEOUT_MS = 2_000;

function newClient(url: string) {
  return createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: (tries) => Math.min(1_000, 50 * 2 ** Math.min(tries, 5)),
    },
  }).withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}

/** A connection that comes back by itself. What is asked while there is none fails at once. */
export class RedisConnection {
  readonly #client: ReturnType<typeof newClient>;

  constructor({ url, logger }: RedisConnectionOptions) {
    this.#client = newClient(url);
    this.#client.on('error', (error: unknown) =>
      logger.warn('Redis does not answer', { error: messageOf(error) }),
    );
    this.#client.connect().catch((error: unknown) => {
      logger.warn('Redis does not connect', { error: messageOf(error) });
    });
  }

  /** Runs a script, which Redis is given the text of when it does not have it. @returns what it gives, as a list */
  async run(
    { sha, text }: Script,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<readonly (Buffer | null)[]> {
    const given = { keys: [...keys], arguments: [...args] };
    try {
      return listOf(await this.#client.evalSha(sha, given));
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return listOf(await this.#client.eval(text, given));
    }
  }

  async set(key: string, value: string): Promise<void> {
    await this.#client.set(key, value);
  }

  close(): Promise<void> {
    if (this.#client.isOpen) this.#client.destroy();
    return Promise.resolve();
  }
}

/** Numbers come as numbers, texts as bytes. */
function listOf(reply: unknown): readonly (Buffer | null)[] {
  const list: unknown[] = Array.isArray(reply) ? reply : [reply];
  return list.map((each) => {
    if (typeof each === 'number') return Buffer.from(String(each));
    return Buffer.isBuffer(each) ? each : null;
  });
}
