import type { Series } from '../wire.js';
import { COLUMNS, type Sample } from './sample.js';

/** The last so many points of one edge, in memory that does not grow. */
export class EdgeRing {
  readonly #size: number;
  readonly #at: Float64Array;
  readonly #columns: Record<(typeof COLUMNS)[number], Float32Array>;
  #added = 0;

  constructor(size: number) {
    this.#size = size;
    this.#at = new Float64Array(size);
    const column = (): Float32Array => new Float32Array(size);
    this.#columns = {
      ...{ callRate: column(), errorRate: column(), replicaErrorRate: column() },
      ...{ callP50: column(), callP99: column(), replicaP50: column(), replicaP99: column() },
      ...{ stalenessMs: column(), fallbackRate: column() },
    };
  }

  add(atMs: number, sample: Sample): void {
    const place = this.#added % this.#size;
    this.#at[place] = atMs;
    for (const name of COLUMNS) this.#columns[name][place] = sample[name] ?? NaN;
    this.#added += 1;
  }

  /** The points since then, oldest first. */
  since(fromMs: number): Series {
    const places = this.#placesSince(fromMs);
    const column = (name: (typeof COLUMNS)[number]): (number | null)[] =>
      places.map((place) => shown(this.#columns[name][place] ?? NaN));
    return {
      at: places.map((place) => this.#at[place] ?? 0),
      ...{ callRate: column('callRate'), errorRate: column('errorRate') },
      ...{ callP50: column('callP50'), callP99: column('callP99') },
      ...{ replicaP50: column('replicaP50'), replicaP99: column('replicaP99') },
      ...{ replicaErrorRate: column('replicaErrorRate'), fallbackRate: column('fallbackRate') },
      stalenessMs: column('stalenessMs'),
    };
  }

  #placesSince(fromMs: number): number[] {
    const first = Math.max(0, this.#added - this.#size);
    const places = Array.from({ length: this.#added - first }, (_, i) => (first + i) % this.#size);
    return places.filter((place) => (this.#at[place] ?? 0) >= fromMs);
  }
}

/** As many digits as matter on a chart. */
const shown = (value: number): number | null => (Number.isNaN(value) ? null : Math.round(value * 100) / 100);
