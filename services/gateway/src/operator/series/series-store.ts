import type { ProcessReport } from '@banyan/control';
import type { Series } from '../wire.js';
import { EdgeRing } from './edge-ring.js';
import { countsOf, gaugesOf, growth, type CountsByEdge, type Sample } from './sample.js';

/** Half an hour, a point a second. */
const POINTS = 1_800;
const MOST_EDGES = 200;
/** After a longer pause what was counted belongs to no second, in ms. */
const LONGEST_GAP_MS = 5_000;

/**
 * What happened on each edge of late, a point a second, from reports that tell what was counted since their process started.
 * At most some 90 KB an edge, and 200 edges; it begins anew with this process.
 */
export class SeriesStore {
  readonly #rings = new Map<string, EdgeRing>();
  #counts: CountsByEdge = new Map();
  #atMs = 0;

  add(reports: readonly ProcessReport[], atMs: number): void {
    const counts = countsOf(reports);
    for (const [edge, now] of counts) {
      const before = atMs - this.#atMs > LONGEST_GAP_MS ? undefined : this.#counts.get(edge);
      const rates = before === undefined ? {} : ratesOf(growth(now, before), (atMs - this.#atMs) / 1000);
      this.#ringOf(edge)?.add(atMs, { ...rates, ...gaugesOf(edge, reports) });
    }
    for (const [edge, ring] of this.#rings) if (!counts.has(edge)) ring.add(atMs, {});
    this.#counts = counts;
    this.#atMs = atMs;
  }

  /** A point of which nothing is known: lines are broken there. */
  addNothing(atMs: number): void {
    for (const ring of this.#rings.values()) ring.add(atMs, {});
  }

  /** @param fromMs ms since 1970 */
  since(edge: string, fromMs: number): Series {
    return (this.#rings.get(edge) ?? new EdgeRing(1)).since(fromMs);
  }

  #ringOf(edge: string): EdgeRing | undefined {
    const known = this.#rings.get(edge);
    if (known !== undefined || this.#rings.size >= MOST_EDGES) return known;
    const ring = new EdgeRing(POINTS);
    this.#rings.set(edge, ring);
    return ring;
  }
}

function ratesOf(
  { calls, failed, fallbacks, replicaErrors }: ReturnType<typeof growth>,
  seconds: number,
): Sample {
  const rate = (count: number): number => count / seconds;
  return {
    callRate: rate(calls),
    errorRate: rate(failed),
    fallbackRate: rate(fallbacks),
    replicaErrorRate: rate(replicaErrors),
  };
}
