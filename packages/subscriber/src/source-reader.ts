import { streamOf } from '@banyan/contracts';
import { messageOf, type Logger, type Wakeup } from '@banyan/runtime';
import { DeliverPolicy, jetstream, jetstreamManager, type ConsumerMessages } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { readEvent, type IncomingEvent } from './incoming-event.js';
import type { StreamHint } from './position-store.js';

/** Events read ahead of the transaction that applies them. */
const READ_AHEAD = 2000;

/**
 * Reads one source's stream in order, from a sequence on. The broker keeps no position for it: what was read and not
 * applied is read again next time.
 */
export class SourceReader {
  /** When the stream that is read was created: what a hint is valid for. */
  readonly streamCreated: string;
  readonly #messages: ConsumerMessages;
  readonly #buffer: IncomingEvent[] = [];
  readonly #wakeup: Wakeup;
  #failure: Error | undefined;
  #ended = false;
  #drained: (() => void) | undefined;

  private constructor(messages: ConsumerMessages, streamCreated: string, wakeup: Wakeup) {
    this.#messages = messages;
    this.streamCreated = streamCreated;
    this.#wakeup = wakeup;
  }

  /**
   * Opens the stream where the hint says, or at its beginning if the hint is of another stream.
   * @returns undefined while the stream does not exist yet
   */
  static async open(
    connection: NatsConnection,
    source: string,
    context: ReaderContext,
  ): Promise<SourceReader | undefined> {
    const { hint, wakeup, logger } = context;
    const manager = await jetstreamManager(connection);
    const stream = streamOf(source);
    const info = await manager.streams.info(stream).catch((error: unknown) => {
      logger.debug('the stream is not there', { stream, error: messageOf(error) });
      return undefined;
    });
    if (info === undefined) return undefined;
    const valid = hint?.created === info.created && hint.sequence <= info.state.last_seq;
    const start = valid ? hint.sequence + 1 : 1;
    const consumer = await jetstream(connection).consumers.get(stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(start, 1),
    });
    const messages = await consumer.consume({ max_messages: READ_AHEAD });
    const reader = new SourceReader(messages, info.created, wakeup);
    void reader.#fill();
    return reader;
  }

  /** Takes up to `max` events that have arrived. Throws what reading failed with. */
  take(max: number): IncomingEvent[] {
    if (this.#buffer.length === 0 && this.#failure !== undefined) throw this.#failure;
    const taken = this.#buffer.splice(0, max);
    if (this.#buffer.length < READ_AHEAD) this.#drained?.();
    return taken;
  }

  /** True when nothing more will come from this reader: open another one. */
  get ended(): boolean {
    return this.#ended && this.#buffer.length === 0;
  }

  async close(): Promise<void> {
    this.#drained?.();
    await this.#messages.close();
  }

  async #fill(): Promise<void> {
    try {
      for await (const message of this.#messages) {
        this.#buffer.push(readEvent(message));
        this.#wakeup.ring();
        if (this.#buffer.length >= READ_AHEAD)
          await new Promise<void>((resolve) => (this.#drained = resolve));
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(messageOf(error));
    } finally {
      this.#ended = true;
      this.#wakeup.ring();
    }
  }
}

export interface ReaderContext {
  hint: StreamHint | undefined;
  wakeup: Wakeup;
  logger: Logger;
}
