import { MismatchStore, type Connection, type Mismatch } from '@banyan/control';
import { backoffDelayMs, Loop, messageOf, Wakeup, type Logger, type Round } from '@banyan/runtime';

/** Kept in this process at most: so many, and so many bytes of JSON. */
const LIMITS = { count: 50, bytes: 1_048_576 };
/** Of one group, one is kept in so many ms; a thousand of a kind a second say no more than one. */
const PAUSE_MS = 1_000;
const BACKOFF = { firstMs: 200, maxMs: 30_000 };

/** A mismatch and the question behind it, which never leaves the process. */
export interface HeldMismatch<Question> {
  mismatch: Mismatch;
  question: Question;
}

/**
 * The counterexamples of one edge in this process: the latest few, and the first of each group for as long as it fits. They
 * are written to the store that operators see in the background, whenever the broker is there.
 */
export class MismatchLog<Question> {
  readonly #connection: Connection | undefined;
  readonly #logger: Logger;
  readonly #held = new Map<string, HeldMismatch<Question> & { bytes: number; isFirst: boolean }>();
  readonly #lastOfGroup = new Map<string, number>();
  readonly #unsent = new Set<string>();
  readonly #wakeup = new Wakeup();
  readonly #loop: Loop;
  #store: MismatchStore | undefined;
  #failures = 0;

  /** @param connection undefined: they stay in the process */
  constructor(connection: Connection | undefined, logger: Logger) {
    this.#connection = connection;
    this.#logger = logger;
    this.#loop = new Loop({
      runOnce: (signal) => this.#send(signal),
      onError: (error) => this.#comeBack(error),
    });
  }

  /** Whether another one of a group is worth its making. */
  wants(group: string, nowMs: number): boolean {
    const lastMs = this.#lastOfGroup.get(group);
    return lastMs === undefined || nowMs - lastMs >= PAUSE_MS;
  }

  add(mismatch: Mismatch, question: Question, nowMs: number): void {
    const isFirst = !this.#lastOfGroup.has(mismatch.group);
    this.#lastOfGroup.delete(mismatch.group);
    this.#lastOfGroup.set(mismatch.group, nowMs);
    forgetOldest(this.#lastOfGroup, LIMITS.count);
    this.#held.set(mismatch.id, { mismatch, question, bytes: JSON.stringify(mismatch).length, isFirst });
    this.#unsent.add(mismatch.id);
    this.#makeRoom();
    if (this.#connection === undefined) return;
    this.#loop.start();
    this.#wakeup.ring();
  }

  find(id: string): HeldMismatch<Question> | undefined {
    return this.#held.get(id);
  }

  /** Resolves once nothing waits to be written, or the log is stopped. */
  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    this.#wakeup.ring();
    await stopped;
  }

  /** The oldest goes first; the first of a group only when there are none but such. */
  #makeRoom(): void {
    let bytes = [...this.#held.values()].reduce((sum, each) => sum + each.bytes, 0);
    while (this.#held.size > LIMITS.count || bytes > LIMITS.bytes) {
      const [oldest] = [...this.#held].filter(([, { isFirst }]) => !isFirst).concat([...this.#held]);
      if (oldest === undefined) return;
      const [id, held] = oldest;
      bytes -= held.bytes;
      this.#held.delete(id);
      this.#unsent.delete(id);
    }
  }

  async #send(signal: AbortSignal): Promise<Round> {
    const [id] = this.#unsent;
    if (id === undefined) {
      await this.#wakeup.sleep(60_000, signal);
      return { next: 'now' };
    }
    const held = this.#held.get(id);
    const store = await this.#opened(signal);
    if (store === undefined) return { next: 'now' };
    if (held !== undefined) await store.put(held.mismatch);
    this.#unsent.delete(id);
    this.#failures = 0;
    return { next: 'now' };
  }

  /** Undefined: stopped while the broker was still awaited. */
  async #opened(signal: AbortSignal): Promise<MismatchStore | undefined> {
    if (this.#store !== undefined) return this.#store;
    const connection = await Promise.race([this.#connection, aborted(signal)]);
    if (connection !== undefined) this.#store = await MismatchStore.open(connection);
    return this.#store;
  }

  #comeBack(error: unknown): Promise<Round> {
    // The stream may be gone as well as the broker: open it anew.
    this.#store = undefined;
    if (this.#failures === 0) this.#logger.warn('cannot keep counterexamples', { error: messageOf(error) });
    const delayMs = backoffDelayMs(this.#failures, BACKOFF);
    this.#failures += 1;
    return Promise.resolve({ next: 'after', delayMs });
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function forgetOldest(map: Map<string, unknown>, limit: number): void {
  const [oldest] = map.keys();
  if (map.size > limit && oldest !== undefined) map.delete(oldest);
}
