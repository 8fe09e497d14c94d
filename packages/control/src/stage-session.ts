import { isBanyanError, messageOf, wait, type Logger } from '@banyan/runtime';
import type { EdgeStage } from './edge-stage.js';
import { type StageFeed, type StageStore, type StoredStage } from './stage-store.js';

export interface StageSessionParts {
  store: StageStore;
  feed: StageFeed;
  /** The process's edges by key; may grow meanwhile. */
  edges: ReadonlyMap<string, EdgeStage>;
  /** Hands a record to its edge. */
  obey: (edge: EdgeStage, entry: StoredStage) => void;
  checkEveryMs: number;
  logger: Logger;
}

/**
 * One watch over the bucket. It lasts until the feed, the bucket or the connection goes, or a check proves that the feed
 * has fallen silent: a watch on a bucket that was deleted and made anew waits for a revision that is long in coming.
 */
export class StageSession {
  readonly #parts: StageSessionParts;
  readonly #ended = new AbortController();
  /** The last revision that the feed has delivered, by key. */
  readonly #delivered = new Map<string, number>();

  constructor(parts: StageSessionParts) {
    this.#parts = parts;
  }

  end(): void {
    this.#ended.abort();
    this.#parts.feed.stop();
  }

  /** Resolves when the session has ended. A check that still waits for an answer is left behind: it may wait for seconds. */
  async run(): Promise<void> {
    void this.#checkNowAndThen();
    try {
      await this.#read();
    } finally {
      this.end();
    }
  }

  async #read(): Promise<void> {
    for await (const entry of this.#parts.feed.entries) {
      this.#delivered.set(entry.key, entry.revision);
      const edge = this.#parts.edges.get(entry.key);
      if (edge !== undefined) this.#parts.obey(edge, entry);
    }
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
    for (const edge of this.#parts.edges.values()) await this.#check(edge);
  }

  async #check(edge: EdgeStage): Promise<void> {
    const { store, obey } = this.#parts;
    const found = await store.read(edge.name);
    if (this.#ended.signal.aborted) return;
    if (found !== undefined) obey(edge, found);
    if (found === undefined || edge.held?.reason === 'older') await this.#restore(edge, found?.revision);
    if (found?.revision !== this.#delivered.get(edge.name.key)) this.end();
  }

  /** The bucket lacks the change that this process runs: a broker lost it. All that know it put the same record back. */
  async #restore(edge: EdgeStage, over: number | undefined): Promise<void> {
    if (edge.record === undefined) return;
    try {
      await this.#parts.store.restore(edge.record, over);
      this.#parts.logger.warn('put a lost stage change back', { edge: edge.name.text, ...edge.running });
    } catch (error) {
      if (!isBanyanError(error, 'BANYAN_STAGE_CONFLICT')) throw error;
    }
  }
}
