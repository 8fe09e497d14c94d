import { readList } from './api.js';

/** Anything with a version. */
export interface Item {
  id: string;
  version: number;
}

interface Told<T> {
  is: 'in' | 'left';
  item: T;
}

/**
 * A list as this page knows it: read whole, then changed item by item, each only by a later version of itself. What is told
 * while it is being read is told again on top of what was read.
 */
export class ListStore<T extends Item> {
  readonly resource: string;
  readonly #onChange: () => void;
  #items = new Map<string, T>();
  /** What was told since each reading under way began. */
  readonly #underWay = new Set<Told<T>[]>();
  #readings = 0;
  /** The reading that is shown. */
  #shown = 0;
  #asOfMs = 0;
  #isStopped = false;

  constructor(resource: string, onChange: () => void) {
    this.resource = resource;
    this.#onChange = onChange;
  }

  get items(): T[] {
    return [...this.#items.values()];
  }

  /** It shows what was true then, at least; ms since 1970, 0: never yet. */
  get asOfMs(): number {
    return this.#asOfMs;
  }

  get readings(): number {
    return this.#readings;
  }

  /** Reads all of it. @returns how to learn of later changes */
  async read(): Promise<'poll' | 'push'> {
    const startedMs = Date.now();
    const reading = (this.#readings += 1);
    const told: Told<T>[] = [];
    this.#underWay.add(told);
    try {
      const { items, live } = await readList<T>(this.resource);
      if (reading > this.#shown) this.#show(reading, items, told);
      this.fresh(startedMs);
      return live;
    } finally {
      this.#underWay.delete(told);
      this.#tell();
    }
  }

  #show(reading: number, items: readonly T[], told: readonly Told<T>[]): void {
    this.#shown = reading;
    this.#items = new Map(items.map((item) => [item.id, item]));
    for (const each of told) this.#apply(each);
  }

  /** An item is in the list, as it is now. */
  put(item: T): void {
    this.#take({ is: 'in', item });
  }

  /** An item has left the list. */
  remove(item: T): void {
    this.#take({ is: 'left', item });
  }

  fresh(asOfMs: number): void {
    this.#asOfMs = Math.max(this.#asOfMs, asOfMs);
  }

  /** Tells nobody any more. */
  stop(): void {
    this.#isStopped = true;
  }

  #take(told: Told<T>): void {
    for (const reading of this.#underWay) reading.push(told);
    this.#apply(told);
    this.#tell();
  }

  #apply({ is, item }: Told<T>): void {
    const known = this.#items.get(item.id);
    if (known !== undefined && known.version >= item.version) return;
    if (is === 'in') this.#items.set(item.id, item);
    else this.#items.delete(item.id);
  }

  #tell(): void {
    if (!this.#isStopped) this.#onChange();
  }
}
