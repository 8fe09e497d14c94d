/** What a process that is gone had read and not handled, as the broker tells. */
interface ConsumerProgress {
  num_ack_pending: number;
  delivered: { stream_seq: number };
}

/**
 * Puts what a killed process has left in order before anything newer. The broker sends those events again only after the ack
 * wait, and newer ones at once: those of the same key would overtake. So all wait until what was left has come, or until
 * the time for it is over (it may have left the stream).
 */
export class LeftOvers<T extends { readonly sequence: number }> {
  readonly #until: number;
  #missing: number;
  #held: T[] = [];

  constructor({ num_ack_pending: pending, delivered }: ConsumerProgress) {
    this.#missing = pending;
    this.#until = delivered.stream_seq;
  }

  /** When nothing was left. */
  static none<T extends { readonly sequence: number }>(): LeftOvers<T> {
    return new LeftOvers<T>({ num_ack_pending: 0, delivered: { stream_seq: 0 } });
  }

  get isOver(): boolean {
    return this.#missing === 0;
  }

  /** Takes an event. Gives those that may be handled now, in order. */
  add(event: T): T[] {
    if (this.isOver) return [event];
    if (event.sequence <= this.#until) this.#missing -= 1;
    this.#held.push(event);
    return this.#missing > 0 ? [] : this.end();
  }

  /** Waits no longer. Gives all that have come, in order. */
  end(): T[] {
    const held = this.#held.sort((a, b) => a.sequence - b.sequence);
    this.#held = [];
    this.#missing = 0;
    return held;
  }
}
