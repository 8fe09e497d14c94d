import type { Freshness, TokenWait, WaitOptions } from '@banyan/subscriber';
import type { EdgeReplica } from '../query/replica.js';
import type { OpenReads } from './open-reads.js';
import type { Messages, StreamReplica } from './stream-replica.js';

/** What drawing once from a stream gives. */
export type Step<Message> = { kind: 'message'; message: Message } | { kind: 'end' };

type Source<Message> = Iterator<Message> | AsyncIterator<Message>;

const END = { kind: 'end' } as const;

/**
 * The replica's messages while one call reads them. To the readers of replicas it is one whose answer is the first message,
 * so that freshness and tokens are judged around that. Whatever was opened is given back by `close`, however late it opens.
 */
export class StreamReading<Request, Message> implements EdgeReplica<Request, Step<Message>> {
  readonly reaches?: (token: string, options: WaitOptions) => Promise<TokenWait>;
  readonly #replica: StreamReplica<Request, Message>;
  readonly #reads: OpenReads;
  readonly #abort = new AbortController();
  #source: Promise<Source<Message> | undefined> | undefined;
  #isDrawn = false;
  #closing: Promise<void> | undefined;

  constructor(replica: StreamReplica<Request, Message>, reads: OpenReads) {
    this.#replica = replica;
    this.#reads = reads;
    if (replica.reaches !== undefined) this.reaches = replica.reaches.bind(replica);
  }

  freshness(request?: Request): Freshness {
    return this.#replica.freshness(request);
  }

  /** The first step; undefined: there is no such thing. */
  async read(request: Request): Promise<Step<Message> | undefined> {
    if (this.#closing !== undefined) throw new Error('the call is over');
    this.#reads.opened();
    this.#source = this.#open(request);
    return (await this.#source) === undefined ? undefined : this.next();
  }

  /** Draws once. @throws whatever the replica throws */
  async next(): Promise<Step<Message>> {
    const source = await this.#source;
    if (source === undefined || this.#isDrawn) return END;
    try {
      const drawn = await source.next();
      if (drawn.done !== true) return { kind: 'message', message: drawn.value };
    } catch (error) {
      this.#isDrawn = true;
      throw error;
    }
    this.#isDrawn = true;
    return END;
  }

  /** Resolves when the replica has let go. Closing twice, or before opening, is legal. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(request: Request): Promise<Source<Message> | undefined> {
    const messages = await this.#replica.read(request, { signal: this.#abort.signal });
    return messages === undefined ? undefined : iteratorOf(messages);
  }

  async #close(): Promise<void> {
    this.#abort.abort();
    if (this.#source === undefined) return;
    try {
      const source = await this.#source;
      if (!this.#isDrawn) await source?.return?.();
    } catch {
      // Nobody is left whom it would concern.
    } finally {
      this.#reads.closed();
    }
  }
}

function iteratorOf<Message>(messages: Messages<Message>): Source<Message> {
  return Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
}
