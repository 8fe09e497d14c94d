import { isBanyanError, messageOf, wait, type Logger } from '@banyan/runtime';
import type { BucketEntry, BucketFeed, BucketText, StageBucket } from './stage-bucket.js';

/** What a process keeps current from the bucket: its edges, its flags. */
export interface Follower {
  /** Keys that are read now and then, to see that the watch has missed nothing. May grow meanwhile. */
  keys: () => Iterable<string>;
  /** Obeys an entry, or holds against it; passes over keys that are not its own. */
  obey: (entry: BucketEntry) => void;
  /** What the bucket has lost, judging by what was found under one of the keys. */
  lost: (key: string, found: BucketEntry | undefined) => BucketText | undefined;
}

export interface BucketSessionParts {
  bucket: StageBucket;
  feed: BucketFeed;
  followers: readonly Follower[];
  checkEveryMs: number;
  /** Told once: all that the bucket had when the session began was obeyed. */
  onCaughtUp: () => void;
  logger: Logger;
}

/**
 * One watch over the bucket. It lasts until the feed, the bucket or the connection goes, or a check proves that the feed
 * has fallen silent: a watch on a bucket that was deleted and made anew waits for a revision that is long in coming.
 */
export class BucketSession {
  readonly #parts: BucketSessionParts;
  readonly #ended = new AbortController();
  /** The last revision that the feed has delivered, by key. */
  readonly #delivered = new Map<string, number>();
  #caughtUp = false;

  constructor(parts: BucketSessionParts) {
    this.#parts = parts;
  }

  end(): void {
    this.#ended.abort();
    this.#parts.feed.stop();
  }

  /** Resolves when the session has ended. A check that still waits for an answer is left behind: it may wait for seconds. */
  async run(): Promise<void> {
    const { latest } = this.#parts.feed;
    if (latest === 0) this.#tellCaughtUp();
    void this.#checkNowAndThen();
    try {
      await this.#read(latest);
    } finally {
      this.end();
    }
  }

  async #read(latest: number): Promise<void> {
    for await (const { key, revision, text } of this.#parts.feed.entries) {
      if (text !== undefined) {
        this.#delivered.set(key, revision);
        for (const follower of this.#parts.followers) follower.obey({ key, revision, text });
      }
      if (revision >= latest) this.#tellCaughtUp();
    }
  }

  #tellCaughtUp(): void {
    if (this.#caughtUp || this.#ended.signal.aborted) return;
    this.#caughtUp = true;
    this.#parts.onCaughtUp();
  }

  async #checkNowAndThen(): Promise<void> {
    const { signal } = this.#ended;
    for (;;) {
      await wait(this.#parts.checkEveryMs, signal);
      if (signal.aborted) return;
      await this.#checkAll().catch((error: unknown) => {
        this.#parts.logger.warn('the stage bucket does not answer', { error: messageOf(error) });
        this.end();
      });
    }
  }

  async #checkAll(): Promise<void> {
    for (const follower of this.#parts.followers) {
      for (const key of follower.keys()) await this.#check(follower, key);
    }
  }

  async #check(follower: Follower, key: string): Promise<void> {
    const found = await this.#parts.bucket.read(key);
    if (this.#ended.signal.aborted) return;
    if (found !== undefined) follower.obey(found);
    const lost = follower.lost(key, found);
    if (lost !== undefined) await this.#restore(lost, found?.revision);
    if (found?.revision !== this.#delivered.get(key)) this.end();
  }

  /** The bucket lacks the change that this process runs: a broker lost it. All that know it put the same record back. */
  async #restore(lost: BucketText, over: number | undefined): Promise<void> {
    try {
      await this.#parts.bucket.put(lost, over);
      this.#parts.logger.warn('put a lost change back', { of: lost.owner, record: lost.text });
    } catch (error) {
      if (!isBanyanError(error, 'BANYAN_STAGE_CONFLICT')) throw error;
    }
  }
}
