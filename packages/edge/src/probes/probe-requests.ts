/** Requests to be asked when nobody else asks: a list, or drawn one by one. */
export type ProbeSource<Request> = () => Iterable<Request> | AsyncIterable<Request>;

/** Draws probes one by one, from the beginning again at the end. */
export class ProbeRequests<Request> {
  readonly #source: ProbeSource<Request>;
  #iterator: Iterator<Request> | AsyncIterator<Request> | undefined;

  constructor(source: ProbeSource<Request>) {
    this.#source = source;
  }

  /** Undefined: there is none. Throws what the source throws, and begins anew then. */
  async next(): Promise<Request | undefined> {
    return (await this.#draw()) ?? (await this.#draw());
  }

  /** Lets the source go. */
  async stop(): Promise<void> {
    await this.#iterator?.return?.();
    this.#iterator = undefined;
  }

  async #draw(): Promise<Request | undefined> {
    try {
      this.#iterator ??= iteratorOf(this.#source());
      const drawn = await this.#iterator.next();
      if (drawn.done !== true) return drawn.value;
      this.#iterator = undefined;
      return undefined;
    } catch (error) {
      this.#iterator = undefined;
      throw error;
    }
  }
}

function iteratorOf<T>(given: Iterable<T> | AsyncIterable<T>): Iterator<T> | AsyncIterator<T> {
  return Symbol.asyncIterator in given ? given[Symbol.asyncIterator]() : given[Symbol.iterator]();
}
