/**
 * Tells when heartbeats have named events for so long that did not come meanwhile. Counted from when the heartbeat was heard,
 * and not from the last event: a heartbeat may be quicker than the event that it names, however quiet the source was before.
 */
export class StallWatch {
  readonly #patienceMs: number;
  #sinceMs: number | undefined;

  /** @param patienceMs how long events may be missing */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** An event came, or reading began anew: the patience begins again. */
  reset(): void {
    this.#sinceMs = undefined;
  }

  /**
   * To be asked whenever there was nothing to apply.
   * @param isBehind whether events are missing that a heartbeat has named
   * @returns for how long they have been, in ms, once that is too long; undefined before
   */
  stalledMs(isBehind: boolean): number | undefined {
    if (!isBehind) {
      this.#sinceMs = undefined;
      return undefined;
    }
    const nowMs = performance.now();
    this.#sinceMs ??= nowMs;
    return nowMs - this.#sinceMs < this.#patienceMs ? undefined : nowMs - this.#sinceMs;
  }
}
