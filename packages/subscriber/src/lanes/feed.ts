import { messageOf, wait } from '@banyan/runtime';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { readEvent } from '../incoming-event.js';
import type { Inbox } from './inbox.js';
import { laneOf } from './lane-of.js';

/** How long a full lane holds up the others before the feed goes on without it, in ms. */
const PATIENCE_MS = 250;

export interface FeedOptions {
  messages: ConsumerMessages;
  /** How many lanes the partitions are divided among. */
  lanes: number;
  /** Reading begins after this sequence. */
  after: number;
  /** Called after each message, and once with `ended` at the end. */
  onProgress: (feed: Feed) => void;
}

/**
 * One reading of a source's stream, for some lanes. A lane that takes nothing for a while is left behind, so that it does
 * not hold up the others; a lane that reads alone is waited for.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #inboxes = new Map<number, Inbox>();
  #sequence: number;
  #ended = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#sequence = options.after;
  }

  /** The last sequence that it has read. */
  get sequence(): number {
    return this.#sequence;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get inboxes(): readonly Inbox[] {
    return [...this.#inboxes.values()];
  }

  add(inbox: Inbox): void {
    this.#inboxes.set(inbox.lane, inbox);
  }

  remove(inbox: Inbox): void {
    if (this.#inboxes.get(inbox.lane) === inbox) this.#inboxes.delete(inbox.lane);
  }

  start(): void {
    void this.#run();
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#options.messages.close();
  }

  async #run(): Promise<void> {
    let failure: Error | undefined;
    try {
      for await (const message of this.#options.messages) {
        await this.#deal(message);
        if (this.#ended) break;
      }
    } catch (error) {
      failure = error instanceof Error ? error : new Error(messageOf(error));
    }
    this.#ended = true;
    this.#options.onProgress(this);
    for (const inbox of this.#inboxes.values()) inbox.leave(failure);
  }

  async #deal(message: JsMsg): Promise<void> {
    const { seq, subject } = message;
    const partition = Number(subject.slice(subject.lastIndexOf('.') + 1));
    const inbox = this.#inboxes.get(laneOf(partition, this.#options.lanes));
    if (inbox !== undefined && seq > (inbox.readUpTo?.sequence ?? 0)) {
      if (inbox.isFull) await this.#makeRoom(inbox);
      // It may have left, or have been moved to another feed, meanwhile.
      if (this.#serves(inbox)) inbox.put(readEvent(message));
    }
    this.#sequence = seq;
    for (const each of this.#inboxes.values()) each.pass(seq);
    this.#options.onProgress(this);
  }

  async #makeRoom(inbox: Inbox): Promise<void> {
    while (inbox.isFull && this.#serves(inbox)) {
      const patience = new AbortController();
      const hasRoom = await Promise.race([
        inbox.untilRoom().then(() => true),
        wait(PATIENCE_MS, patience.signal).then(() => false),
      ]);
      patience.abort();
      if (!hasRoom && this.#inboxes.size > 1) this.#leaveBehind(inbox);
    }
  }

  #serves(inbox: Inbox): boolean {
    return !this.#ended && this.#inboxes.get(inbox.lane) === inbox;
  }

  #leaveBehind(inbox: Inbox): void {
    this.remove(inbox);
    inbox.leave();
  }
}
